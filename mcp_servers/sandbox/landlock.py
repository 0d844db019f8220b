"""Full CPython where namespaces cannot be had: Landlock for files, seccomp for everything else. Weaker, and says so."""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from lyceum.unprivileged import NOBODY, is_root
from mcp_servers.sandbox import syscalls
from mcp_servers.sandbox.confined import ENVIRONMENT, Confined, program, settings
from mcp_servers.sandbox.grounds import FLAGS, interpreter, popen
from mcp_servers.sandbox.worker import remove_tree

_PREFIX = "lyceum-sandbox-"
_OLD_SECONDS = 3600.0


class Landlock(Confined):
    name = "landlock"
    commands = False
    warning = (
        "No namespaces here: the code cannot open your files, the network or other processes, but it can learn which "
        "paths exist. Install bubblewrap for full isolation."
    )

    def lacks(self) -> str:
        if sys.platform != "linux" or not syscalls.supported():
            return "Landlock needs Linux 6.2 or newer on x86_64 or aarch64"
        return ""

    def launch(self, answer: int) -> tuple[subprocess.Popen[bytes], Path | None]:
        _sweep()
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        if is_root():
            os.chown(folder, NOBODY, NOBODY)
        python = interpreter()[1]
        readable = ["/usr/bin", "/usr/lib", "/usr/lib64", "/usr/share", "/lib", "/lib64", self.packages]
        readable += [f"{python}/lib"] if python != "/usr" else []
        confine = {
            "readable": [each for each in readable if each],
            "devices": ["/dev/null", "/dev/zero", "/dev/urandom"],
            "writable": str(folder),
            "filter": base64.b64encode(syscalls.program(namespaces=False)).decode(),
            "parent": os.getpid(),
        }
        told = settings(answer, work=str(folder), packages=self.packages, confine=confine)
        environment = {**ENVIRONMENT, "HOME": str(folder), "TMPDIR": str(folder)}
        command = [f"{python}/bin/python3", *FLAGS, f"{program('confine', 'kernel')}\nmain(confine)", told]
        return popen(command, environment, (answer,)), folder


@cache
def _sweep() -> None:
    """Remove, once a process, the folders of processes that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            old = time.time() - folder.lstat().st_mtime > _OLD_SECONDS
            if old and pid.isdigit() and not Path("/proc", pid).exists() and not folder.is_symlink():
                remove_tree(folder)
