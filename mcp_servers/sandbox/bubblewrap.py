"""Full CPython in namespaces of its own: no host file but the interpreter, no network, no other process in sight."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from mcp_servers.sandbox import syscalls
from mcp_servers.sandbox.confined import ENVIRONMENT, Confined, program, settings
from mcp_servers.sandbox.grounds import FLAGS, interpreter, popen

_HIDDEN = ("/proc/cmdline", "/proc/keys", "/proc/kallsyms")  # the host's own
_PYTHON = "/python"  # where an interpreter of one's own stands inside: its path on the host is nobody's business
_FOLDER_BYTES = str(64 * 1024 * 1024)


class Bubblewrap(Confined):
    name = "bubblewrap"

    def lacks(self) -> str:
        if sys.platform != "linux" or not syscalls.supported():
            return "bubblewrap needs Linux on x86_64 or aarch64"
        return "" if shutil.which("bwrap") else "bubblewrap is not installed (Debian: apt-get install bubblewrap)"

    def launch(self, answer: int) -> tuple[subprocess.Popen[bytes], Path | None]:
        walls = "\0".join(self._walls()).encode() + b"\0"
        # The walls come by descriptor: a command line shows in /proc, and with it the host's paths.
        arguments, rules = _file(walls), _file(syscalls.program(namespaces=True))
        told = settings(answer, work="/tmp", packages="/packages" if self.packages else "")  # noqa: S108 - inside
        python = "/usr" if interpreter()[0] == "/usr" else _PYTHON
        command = [
            str(shutil.which("bwrap")), "--args", str(arguments), "--seccomp", str(rules),
            f"{python}/bin/python3", *FLAGS, f"{program('kernel')}\nmain()", told,
        ]  # fmt: skip
        try:
            return popen(command, {}, (answer, arguments, rules)), None
        finally:
            os.close(arguments)
            os.close(rules)

    def _walls(self) -> list[str]:
        walls = ["--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"]
        walls += ["--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--cap-drop", "ALL", "--clearenv"]
        for folder in ("/usr/bin", "/usr/lib", "/usr/lib64", "/usr/share", "/lib", "/lib64", "/bin"):
            if os.path.islink(folder):  # noqa: PTH114
                walls += ["--symlink", os.readlink(folder), folder]  # noqa: PTH115
            elif os.path.isdir(folder):  # noqa: PTH112
                walls += ["--ro-bind", folder, folder]
        prefix, found = interpreter()
        if prefix != "/usr":
            walls += ["--ro-bind", found, _PYTHON, "--setenv", "LD_LIBRARY_PATH", f"{_PYTHON}/lib"]
        if self.packages:
            walls += ["--ro-bind", self.packages, "/packages"]
        walls += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev"]
        known = [hidden for hidden in _HIDDEN if Path(hidden).exists()]
        walls += [word for hidden in known for word in ("--ro-bind", os.devnull, hidden)]
        for folder in ("/tmp", "/dev/shm"):  # noqa: S108 - inside
            walls += ["--size", _FOLDER_BYTES, "--tmpfs", folder]
        for name, value in {**ENVIRONMENT, "HOME": "/tmp"}.items():  # noqa: S108 - inside
            walls += ["--setenv", name, value]
        return [*walls, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"]  # noqa: S108 - inside


def _file(data: bytes) -> int:
    """Return a descriptor to read data from."""
    descriptor = os.memfd_create("walls")
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
