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
from typing import Protocol

from pydantic import BaseModel, Field

from lyceum.errors import OperatorError

MEMORY_BYTES = 256 * 1024 * 1024
OUTPUT_BYTES = 100_000
UNPRIVILEGED = 65534  # "nobody": bubblewrap started by root could otherwise write host sysctls


class CodeError(BaseModel):
    name: str
    value: str
    traceback: str = ""


class Value(BaseModel):
    text: str


class Execution(BaseModel):
    """What a run left behind, in the shape of E2B's `run_code`."""

    stdout: str = ""
    stderr: str = ""
    results: list[Value] = Field(default_factory=list[Value], description="The value of the last expression, if any.")
    error: CodeError | None = None
    tier: str
    seconds: float


class Tier(Protocol):
    name: str

    def probe(self) -> str:
        """Return an empty string when the tier really runs code here, else what is missing and how to get it."""
        ...

    def run(self, code: str, seconds: float) -> Execution | None:
        """Run code; None when the tier cannot run this code (nothing was run then)."""
        ...


class Monty:
    name = "monty"

    def probe(self) -> str:
        try:
            done = self.run("1 + 1", 1.0)
        except (ImportError, OSError, RuntimeError) as error:
            return f"pydantic-monty does not run here ({error}); reinstall with `make setup`"
        return "" if done is not None and done.results else "pydantic-monty gave no result"

    def run(self, code: str, seconds: float) -> Execution | None:
        import pydantic_monty as monty

        printed = monty.CollectStreams(max_bytes=OUTPUT_BYTES)
        limits: monty.ResourceLimits = {"max_feed_duration_secs": seconds, "max_memory": MEMORY_BYTES}
        start = time.perf_counter()
        error: CodeError | None = None
        value: object = None
        try:
            with monty.Monty() as pool, pool.checkout(limits=limits) as session:
                value = session.feed_run(code, print_callback=printed)
        except (monty.MontyRuntimeError, monty.MontySyntaxError) as failure:
            name, _, text = str(failure).strip().splitlines()[-1].partition(": ")
            error = CodeError(name=name or type(failure).__name__, value=text, traceback=str(failure)[-2000:])
        except monty.MontyError as failure:
            error = CodeError(name=type(failure).__name__, value=str(failure)[-500:])
        return Execution(
            stdout="".join(text for stream, text in printed.output if stream == "stdout"),
            stderr="".join(text for stream, text in printed.output if stream == "stderr"),
            results=[] if value is None else [Value(text=repr(value)[:OUTPUT_BYTES])],
            error=error,
            tier=self.name,
            seconds=round(time.perf_counter() - start, 4),
        )


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
            timed_out = False
            try:
                process.communicate(code.encode(), timeout=seconds)
            except subprocess.TimeoutExpired:
                timed_out = True
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            texts: list[str] = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read(OUTPUT_BYTES).decode(errors="replace"))
        error = None
        if timed_out:
            error = CodeError(name="TimeoutError", value=f"stopped after {seconds:g} s")
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
    if done is not None and _beyond_subset(done) and fuller is not None:
        done = fuller.run(code, seconds)
    assert done is not None
    return done


def _beyond_subset(done: Execution) -> bool:
    """Tell whether monty stopped at something it does not have; what ran before it had no effect outside."""
    return done.tier == "monty" and done.error is not None and done.error.name in (
        "ModuleNotFoundError", "NotImplementedError", "MontySyntaxError",
    )  # fmt: skip
