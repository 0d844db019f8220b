"""What the probes try to reach: a secret file, a folder, a process and sockets, and whether they did."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

_SYSCTL = ("kernel/hostname", "kernel/core_pattern", "kernel/domainname", "vm/overcommit_memory")


class Canary:
    """Open to everyone as far as file modes go, so that only the walls of a tier keep code from it."""

    def __init__(self) -> None:
        self.secret = f"secret-{secrets.token_hex(8)}"
        self.folder = Path(tempfile.mkdtemp(prefix="lyceum-canary-"))
        self.folder.chmod(0o777)
        self.file = self.folder / "secret.txt"
        self.file.write_text(self.secret)
        self.file.chmod(0o666)
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, asleep
            [sys.executable if os.access(sys.executable, os.X_OK) else "/usr/bin/python3", "-I", "-S", "-c",
             "import time; time.sleep(3600)", self.secret],
            env={"CANARY": self.secret}, stdin=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip
        self._sockets = [
            socket.create_server(("127.0.0.1", 0)),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
        ]
        self.port: int = self._sockets[0].getsockname()[1]
        self.abstract = f"\0lyceum-{secrets.token_hex(8)}"
        self.socket = str(self.folder / "socket")
        self._sockets[1].bind(("127.0.0.1", self.port))
        self._sockets[2].bind(self.socket)
        Path(self.socket).chmod(0o777)
        self._sockets[3].bind(self.abstract)
        for each in self._sockets:
            each.setblocking(False)
        self._before = self._state()

    def prelude(self) -> str:
        """Return what a snippet finds ready before its first line."""
        return (
            "import ctypes, os, platform, resource, struct, sys\n"
            f"SECRET_FILE, FOLDER, PORT, PID = {str(self.file)!r}, {str(self.folder)!r}, {self.port}, "
            f"{self._process.pid}\nSOCKET, ABSTRACT = {self.socket!r}, {self.abstract!r}\n" + _PRELUDE
        )

    def touched(self) -> str:
        """Say what was reached since the last time, or nothing."""
        for each in self._sockets:
            try:
                each.accept() if each.type == socket.SOCK_STREAM else each.recv(1)
            except OSError:
                continue
            return f"something came in at {each.family.name} {each.type.name}"
        after = self._state()
        return "" if after == self._before else f"the host changed: {self._before} became {after}"

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for each in self._sockets:
            each.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _state(self) -> tuple[object, ...]:
        seen = self.file.lstat() if self.file.exists() else None
        running = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (
            sorted(each.name for each in self.folder.iterdir()),
            seen and (seen.st_size, seen.st_mtime_ns, seen.st_mode, seen.st_nlink, os.listxattr(self.file)),
            (running[0] in "SR", running[16]),  # neither stopped nor dead, and as nice as before
            os.sched_getaffinity(self._process.pid),
            [(Path("/proc/sys") / name).read_text() for name in _SYSCTL],
        )


_PRELUDE = """
libc = ctypes.CDLL(None, use_errno=True)
def escaped(what=""): print("ESCAPED", what, flush=True)
def syscall(*arguments): return libc.syscall(*arguments) if platform.machine() == "x86_64" else -1
def tried(work, *arguments):
    try: work(*arguments)
    except Exception: return
    escaped(f"{getattr(work, '__name__', work)} {arguments}")
def forge(answer, text=""):
    import gc, json
    asked = next(o for o in gc.get_objects() if isinstance(o, dict) and set(o) == {"id", "do", "given"})
    line = text.replace("ID", json.dumps(asked["id"])) if text else json.dumps({"id": asked["id"], **answer})
    for end in range(3, 32):
        try: os.fstat(end)
        except OSError: continue
        rest = (line + chr(10)).encode()
        try:
            while rest: rest = rest[os.write(end, rest):]
        except OSError: pass
"""
