"""The packages that code in the sandbox may import: a hash-locked list, installed once into the home folder.

Only what the lock file names can be had; nothing is installed from inside. Code sees the folder read only.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from lyceum.errors import OperatorError
from lyceum.paths import ensure_writable
from mcp_servers.sandbox.grounds import interpreter

LOCK = Path(__file__).parents[2] / "requirements" / "sandbox.lock"
_FIND_FONTS = """import sys; sys.path.append(sys.argv[1])
try: import matplotlib.font_manager
except ModuleNotFoundError: pass"""


class Packages:
    """The packages of one lock file for the interpreter that runs inside, in `home`."""

    def __init__(self, home: Path, lock: Path | None = None) -> None:
        self._lock = lock or LOCK
        self._home = home / "sandbox"

    def names(self) -> list[str]:
        """Return the packages that the lock file names; raises OperatorError where it cannot be read."""
        return list(dict.fromkeys(re.findall(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", self._text(), re.MULTILINE)))

    def folder(self) -> Path:
        """Return where they are, or will be, installed: another list or another Python is another folder."""
        digest = hashlib.sha256(self._text().encode()).hexdigest()[:12]
        return self._home / f"packages-{_version(interpreter()[0])}-{digest}"

    def installed(self) -> Path | None:
        """Return the folder where they are installed, or None."""
        if not self._lock.is_file() or not interpreter()[0]:
            return None
        folder = self.folder()
        return folder if folder.is_dir() else None

    def install(self) -> Path:
        """Install them, all or none; returns at once where that was done. Raises OperatorError with the reason."""
        there = self.installed()
        if there is not None:
            return there
        prefix, _ = interpreter()
        if not prefix:
            raise OperatorError("No Python can run inside the sandbox here.", next_step="See `lyceum doctor`.")
        python = f"{prefix}/bin/python3"
        folder = self.folder()
        ensure_writable(self._home)
        with tempfile.TemporaryDirectory(dir=self._home, prefix=".installing-") as temporary:
            made = Path(temporary) / "packages"
            _do([
                _uv(), "pip", "install", "--quiet", "--python", python, "--target", str(made), "--no-deps",
                "--require-hashes", "--only-binary", ":all:", "--compile-bytecode", "-r", str(self._lock),
            ])  # fmt: skip
            fonts = {"MPLCONFIGDIR": str(made / ".matplotlib"), "HOME": temporary, "MPLBACKEND": "Agg"}
            _do([python, "-I", "-S", "-c", _FIND_FONTS, str(made)], fonts)
            for where, folders, names in os.walk(made):
                for name in (*folders, *names):
                    path = Path(where, name)
                    path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
            made.chmod(0o755)
            try:
                made.rename(folder)
            except OSError:
                if not folder.is_dir():  # else another process was as fast
                    raise
        return folder

    def _text(self) -> str:
        try:
            return self._lock.read_text(encoding="utf-8")
        except OSError as error:
            raise OperatorError(
                f"{self._lock} cannot be read ({error.strerror}).", next_step="Check servers.sandbox.requirements."
            ) from error


def _do(command: list[str], more: dict[str, str] | None = None) -> None:
    done = subprocess.run(  # noqa: S603 - our own commands
        command, env={**os.environ, **(more or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = re.sub(r"//[^/@\s]*@", "//", done.stderr.strip())[-600:]  # an index's address may hold a password
        raise OperatorError(f"The sandbox's packages were not installed: {said}", next_step="Check the package index.")


def _uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if not found:
        raise OperatorError("uv was not found.", next_step="Run `make setup`, which brings it.")
    return found


@cache
def _version(prefix: str) -> str:
    """Return the cache tag of a Python, such as cpython-311."""
    asked = [f"{prefix}/bin/python3", "-I", "-S", "-c", "import sys; print(sys.implementation.cache_tag)"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
