"""What the tiers that run full Python share: an interpreter, an unprivileged user, a pipe for answers, a worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from lyceum.errors import OperatorError
from mcp_servers.sandbox.execution import MEMORY_BYTES, Execution
from mcp_servers.sandbox.worker import Worker

UNPRIVILEGED = 65534  # "nobody": what root starts could otherwise write host sysctls
ENVIRONMENT = {
    "PATH": "/usr/bin", "LANG": "C.UTF-8", "MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
}  # fmt: skip
FLAGS = ("-I", "-S", "-B", "-c")
_CPU_SECONDS = 600
_FILE_BYTES = 32 * 1024 * 1024


class Confined(ABC):
    """A tier with walls around a Python process; `packages` is a folder of installed packages, read only."""

    name: str
    warning: str = ""

    def __init__(self, packages: Path | None = None) -> None:
        self.packages = packages if packages is not None and packages.is_dir() else None

    @abstractmethod
    def lacks(self) -> str:
        """Say what is missing without trying, or an empty string."""

    @abstractmethod
    def launch(self, answer: int) -> tuple[subprocess.Popen[bytes], Path | None]:
        """Start the process, which answers on that descriptor; the folder is its to write, and removed with it."""

    def probe(self) -> str:
        missing = self.lacks()
        if missing:
            return missing
        if not interpreter():
            return f"no Python that user {UNPRIVILEGED} may run; install one in /usr (Debian: apt-get install python3)"
        try:
            done = self.run("print(1 + 1)", 10.0)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            return f"{self.name} does not start here ({error})"
        reason = (done.stderr.strip().splitlines() or [done.error.value if done.error else "no output"])[-1]
        return "" if done.stdout == "2\n" else f"{self.name} does not work here ({reason[:200]})"

    def start(self) -> Worker:
        """Start a worker from the one thread that lives as long as this process: it dies with that thread."""
        return _spawner().submit(self._start).result()

    def run(self, code: str, seconds: float) -> Execution:
        worker = self.start()
        try:
            return worker.run(code, seconds)
        finally:
            worker.close()

    def _start(self) -> Worker:
        if not interpreter():
            raise OperatorError("No Python can be run unprivileged.", next_step="See `lyceum doctor`.")
        answers, answer = os.pipe()
        try:
            process, folder = self.launch(answer)
        except BaseException:
            os.close(answers)
            raise
        finally:
            os.close(answer)
        return Worker(process, answers, tier=self.name, warning=self.warning, folder=folder)


def settings(answer: int, *, work: str, packages: str, confine: dict[str, Any] | None = None) -> str:
    """What the inside is told, as its one argument."""
    return json.dumps({
        "answer": answer, "work": work, "packages": packages, "confine": confine,
        "limits": {
            "memory": MEMORY_BYTES, "processes": 64 if confine is None else 0, "cpu": _CPU_SECONDS, "disk": _FILE_BYTES,
        },
    })  # fmt: skip


def popen(command: Sequence[str], environment: dict[str, str], descriptors: Sequence[int]) -> subprocess.Popen[bytes]:
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    return subprocess.Popen(  # noqa: S603 - running untrusted input is the purpose; the walls are in the command
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd="/",
        pass_fds=descriptors, start_new_session=True, user=user, group=user, extra_groups=None if user is None else [],
    )  # fmt: skip


@cache
def program(*names: str) -> str:
    """Return sources of `inside`, one after the other."""
    folder = files("mcp_servers.sandbox.inside")
    texts = [(folder / f"{name}.py").read_text(encoding="utf-8") for name in names]
    return "\n".join(text.replace("from __future__ import annotations\n", "") for text in texts)


@cache
def interpreter() -> str:
    """Return the first Python that the unprivileged user may run, or an empty string."""
    for each in (f"{sys.base_prefix}/bin/python3", "/usr/bin/python3"):
        try:
            started = popen([each, *FLAGS, "pass"], {}, ())
        except OSError:
            continue
        started.communicate()
        if started.returncode == 0:
            return each
    return ""


def prefix() -> str:
    """Return the folder that the interpreter's own library is in."""
    return str(Path(interpreter()).parent.parent)


@cache
def _spawner() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="sandbox")
