"""What the tiers that run full Python share: an interpreter, an unprivileged user, a pipe for answers, a worker."""

from __future__ import annotations

import json
import os
import subprocess
from abc import ABC, abstractmethod
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from lyceum.errors import OperatorError
from lyceum.unprivileged import NOBODY
from mcp_servers.sandbox.execution import MEMORY_BYTES, Execution
from mcp_servers.sandbox.grounds import in_spawner, interpreter, reachable
from mcp_servers.sandbox.worker import Worker

ENVIRONMENT = {
    "PATH": "/usr/bin", "LANG": "C.UTF-8", "MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
}  # fmt: skip
_CPU_SECONDS = 600
_FILE_BYTES = 32 * 1024 * 1024
_PROCESSES = 64


class Confined(ABC):
    """A tier with walls around a Python process; `packages` is a folder of installed packages, read only."""

    name: str
    warning: str = ""
    commands: bool = True  # whether a shell can be started inside

    def __init__(self, packages: Path | None = None) -> None:
        self.packages = reachable(str(packages)) if packages is not None and packages.is_dir() else ""

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
        if not interpreter()[0]:
            return f"no Python that user {NOBODY} may run; install one in /usr (Debian: apt-get install python3)"
        try:
            done = self.run("print(1 + 1)", 10.0)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            return f"{self.name} does not start here ({error})"
        except OperatorError as error:
            return error.message
        reason = (done.stderr.strip().splitlines() or [done.error.value if done.error else "no output"])[-1]
        return "" if done.stdout == "2\n" else f"{self.name} does not work here ({reason[:200]})"

    def start(self) -> Worker:
        """Start a worker and wait until it takes requests; raises OperatorError where it does not start."""
        if not interpreter()[0]:
            raise OperatorError("No Python can be run unprivileged.", next_step="See `lyceum doctor`.")
        worker = in_spawner(self._start)
        try:
            reply = worker.ready()
        except BaseException:
            worker.close()
            raise
        if reply.error is not None:
            worker.close()
            reason = (reply.stderr.strip().splitlines() or [reply.error.value])[-1]
            raise OperatorError(f"{self.name} does not start here ({reason[:200]})", next_step="See `lyceum doctor`.")
        return worker

    def run(self, code: str, seconds: float) -> Execution:
        worker = self.start()
        try:
            return worker.run(code, seconds)
        finally:
            worker.close()

    def _start(self) -> Worker:
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
    processes = _PROCESSES if confine is None else 0
    return json.dumps({
        "answer": answer, "work": work, "packages": packages, "confine": confine,
        "limits": {"memory": MEMORY_BYTES, "processes": processes, "cpu": _CPU_SECONDS, "disk": _FILE_BYTES},
    })  # fmt: skip


@cache
def program(*names: str) -> str:
    """Return sources of `inside`, one after the other."""
    folder = files("mcp_servers.sandbox.inside")
    texts = [(folder / f"{name}.py").read_text(encoding="utf-8") for name in names]
    first = "from __future__ import annotations\n"
    return first + "\n".join(text.replace(first, "") for text in texts)
