"""A server in the background: started once, found again by its pid file, stopped as that process and no other."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lyceum.errors import OperatorError

_STARTED: list[subprocess.Popen[bytes]] = []  # they outlive this process; Python must not wait for them


@dataclass(frozen=True)
class Running:
    pid: int
    port: int
    started: str


@dataclass(frozen=True)
class Server:
    """`folder` holds its data, its pid file and its log."""

    name: str
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def _file(self) -> Path:
        return self.folder / f"{self.name}.pid.json"

    def running(self) -> Running | None:
        """Return the process that was started here, if it still is that process."""
        try:
            known = Running(**json.loads(self._file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return known if _started(known.pid) == known.started else None

    def start(self, command: Sequence[str], port: int, *, seconds: float = 60) -> Running:
        """Start it and return when its port answers; raises OperatorError with where its log is."""
        known = self.running()
        if known is not None:
            return known
        if _answers(port):
            raise OperatorError(
                f"Port {port} is taken by something that was not started here.",
                next_step=f"Use it as it is, or choose another port: lyceum services up {self.name} --port N.",
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        for ended in _STARTED:
            ended.poll()
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command line
                list(command), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        _STARTED.append(process)
        started = Running(process.pid, port, _started(process.pid))
        self._file.write_text(json.dumps(started.__dict__), encoding="utf-8")
        ends = time.monotonic() + seconds
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > ends:
                self.stop()
                raise OperatorError(f"{self.name} did not start.", next_step=f"Its log is {self.log}.")
            time.sleep(0.1)
        return started

    def stop(self, *, seconds: float = 20) -> bool:
        """Stop it; False where it does not run."""
        known = self.running()
        if known is None:
            self._file.unlink(missing_ok=True)
            return False
        os.kill(known.pid, signal.SIGTERM)
        ends = time.monotonic() + seconds
        own = any(process.pid == known.pid for process in _STARTED)
        while not _ended(known.pid) if own else _started(known.pid) == known.started:
            if time.monotonic() > ends:
                os.kill(known.pid, signal.SIGKILL)
            time.sleep(0.05)
        self._file.unlink(missing_ok=True)
        return True


def go_install(module: str, folder: Path) -> None:
    """Build a program with Go into a folder; raises OperatorError without Go, or where the build fails."""
    go = shutil.which("go")
    name = module.rpartition("/")[2].partition("@")[0]
    if go is None:
        raise OperatorError(
            f"There is no `{name}` here, and no Go to build one.",
            next_step=f"Install Go 1.23 or newer, or put a `{name}` on PATH.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "GOBIN": str(folder)}
    built = subprocess.run(  # noqa: S603 - our own command line
        [go, "install", module], env=environment, capture_output=True, text=True, check=False
    )
    if built.returncode != 0:
        last = built.stderr.strip().splitlines()[-1:] or ["no message"]
        raise OperatorError(f"`go install {module}` failed: {last[0]}", next_step="Is a Go module proxy reachable?")


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _started(pid: int) -> str:
    """Return when a process began, as its system counts it: a pid that was given out anew differs."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return "gone" if fields[0] == "Z" else fields[19]
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except OSError:
        return "gone"
    return "unknown"  # no /proc here: the pid alone must do


def _ended(pid: int) -> bool:
    """Reap it where it is our child; tell whether it is over."""
    return any(process.pid == pid and process.poll() is not None for process in _STARTED)
