"""Full CPython where namespaces cannot be had: Landlock for files, seccomp for everything else. Weaker, and says so."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from mcp_servers.sandbox import syscalls
from mcp_servers.sandbox.confined import (
    ENVIRONMENT,
    FLAGS,
    UNPRIVILEGED,
    Confined,
    interpreter,
    popen,
    prefix,
    program,
    settings,
)


class Landlock(Confined):
    name = "landlock"
    warning = (
        "No namespaces here: the code cannot open your files, the network or other processes, but it can learn which "
        "paths exist. Install bubblewrap for full isolation."
    )

    def lacks(self) -> str:
        if sys.platform != "linux" or not syscalls.supported():
            return "Landlock needs Linux 6.2 or newer on x86_64 or aarch64"
        return ""

    def launch(self, answer: int) -> tuple[subprocess.Popen[bytes], Path | None]:
        folder = Path(tempfile.mkdtemp(prefix="lyceum-sandbox-"))
        if os.geteuid() == 0:
            os.chown(folder, UNPRIVILEGED, UNPRIVILEGED)
        readable = [each for each in ("/usr", "/lib", "/lib64", prefix(), str(self.packages or "")) if each]
        confine = {
            "readable": [each for each in dict.fromkeys(readable) if Path(each).is_dir()],
            "devices": ["/dev/null", "/dev/zero", "/dev/urandom"],
            "writable": str(folder),
            "filter": base64.b64encode(syscalls.program(namespaces=False)).decode(),
            "parent": os.getpid(),
        }
        told = settings(answer, work=str(folder), packages=str(self.packages or ""), confine=confine)
        environment = {**ENVIRONMENT, "HOME": str(folder), "TMPDIR": str(folder)}
        return popen(
            [interpreter(), *FLAGS, f"{program('confine', 'kernel')}\nmain(confine)", told], environment, (answer,)
        ), folder
