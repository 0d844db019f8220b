"""The tiers that can run code, safest and fastest first; each proves itself by running before it is trusted.

monty: a Python subset interpreted in a worker with no operating system behind it. bubblewrap: full CPython in empty
namespaces. Where neither works, code is refused rather than run unprotected.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import lru_cache

from lyceum.errors import OperatorError
from mcp_servers.sandbox.execution import MEMORY_BYTES, OUTPUT_BYTES, CodeError, Execution, Tier, timed_out
from mcp_servers.sandbox.monty import Monty, beyond_subset

UNPRIVILEGED = 65534  # "nobody": bubblewrap started by root could otherwise write host sysctls


# Ends the code with the value of its last expression, as a notebook would.
_RUNNER = """
import ast, sys
tree = ast.parse(sys.stdin.read(), "main.py")
last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
scope = {"__name__": "__main__"}
exec(compile(tree, "main.py", "exec"), scope)
if last is not None:
    value = eval(compile(ast.Expression(last.value), "main.py", "eval"), scope)
    if value is not None:
        print(repr(value))
"""


class Bubblewrap:
    name = "bubblewrap"

    def probe(self) -> str:
        if sys.platform != "linux" or shutil.which("bwrap") is None:
            return "bubblewrap is not installed (Debian: apt-get install bubblewrap)"
        done = self.run("print(1 + 1)", 5.0)
        return "" if done.stdout.strip() == "2" else f"bubblewrap cannot make namespaces here ({done.stderr.strip()})"

    def run(self, code: str, seconds: float) -> Execution:
        start = time.perf_counter()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(  # noqa: S603 - running untrusted input is the purpose; _command isolates it
                _command(), stdin=subprocess.PIPE, stdout=out, stderr=err, start_new_session=True, env={},
                preexec_fn=lambda: _limit(seconds), close_fds=True,
            )  # fmt: skip
            late = False
            try:
                process.communicate(code.encode(), timeout=seconds)
            except subprocess.TimeoutExpired:
                late = True
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            texts: list[str] = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read(OUTPUT_BYTES).decode(errors="replace"))
        error = None
        if late:
            error = timed_out(seconds)
        elif process.returncode:
            last = texts[1].strip().splitlines()[-1] if texts[1].strip() else f"exit {process.returncode}"
            name, _, value = last.partition(": ")
            error = CodeError(name=name, value=value, traceback=texts[1][-2000:])
        return Execution(
            stdout=texts[0], stderr=texts[1], error=error, tier=self.name, seconds=round(time.perf_counter() - start, 4)
        )


def _command() -> list[str]:
    system = [folder for folder in ("/usr", "/lib", "/lib64", "/bin") if os.path.exists(folder)]  # noqa: PTH110
    binds = [part for folder in (*system, sys.base_prefix) for part in ("--ro-bind", folder, folder)]
    return [
        str(shutil.which("bwrap")), "--unshare-all", "--die-with-parent", "--new-session", "--clearenv",
        "--cap-drop", "ALL", *binds, "--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev",
        "--tmpfs", "/tmp", "--chdir", "/tmp", "--setenv", "PATH", "/usr/bin",  # noqa: S108 - inside the sandbox
        "--", f"{sys.base_prefix}/bin/python3", "-I", "-c", _RUNNER,
    ]  # fmt: skip


def _limit(seconds: float) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES * 2, MEMORY_BYTES * 2))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (10 * OUTPUT_BYTES, 10 * OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(UNPRIVILEGED)
        os.setuid(UNPRIVILEGED)


TIERS: tuple[Tier, ...] = (Monty(), Bubblewrap())


@lru_cache(maxsize=1)
def reached() -> dict[str, str]:
    """Return each tier's probe: an empty string where it works, else what is missing."""
    return {tier.name: tier.probe() for tier in TIERS}


def run(code: str, seconds: float) -> Execution:
    """Run code in the first tier that can; raises OperatorError where no tier works."""
    working = [tier for tier in TIERS if not reached()[tier.name]]
    if not working:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in reached().items())
        raise OperatorError(f"There is no safe way to run code here. {reasons}", next_step="See `lyceum doctor`.")
    done = working[0].run(code, seconds)
    fuller = next((tier for tier in working if tier.name == "bubblewrap"), None)
    if working[0].name == "monty" and fuller is not None and beyond_subset(done):
        done = fuller.run(code, seconds)
    return done
