"""The environment of browser-use, apart from Lyceum's own: `.venv/bin/python -m mcp_servers.browser.install`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from lyceum.errors import OperatorError
from mcp_servers.browser.settings import BrowserSettings

LOCK = Path(__file__).parents[2] / "requirements" / "browser.lock"
COMMAND = ".venv/bin/python -m mcp_servers.browser.install"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "brave-browser")


def environment(settings: BrowserSettings) -> Path:
    """Return where the environment is, or would be: one a lock file, in the user's cache folder."""
    if settings.environment is not None:
        return settings.environment
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "lyceum" / f"browser-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"


def python(settings: BrowserSettings) -> Path:
    """Return the environment's interpreter; raises OperatorError where it is not installed."""
    found = _interpreter(environment(settings))
    if not (environment(settings) / "complete").exists() or not found.exists():
        raise OperatorError("browser-use is not installed.", next_step=f"Run `{COMMAND}`.")
    return found


def chromium(settings: BrowserSettings) -> str:
    """Return the browser that is used; raises OperatorError where there is none."""
    names = [str(settings.executable)] if settings.executable else BROWSERS
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        raise OperatorError(
            "There is no Chromium.",
            next_step="Install one (Debian: `apt-get install chromium`), or set servers.browser.executable.",
        )
    return found


def install(settings: BrowserSettings) -> Path:
    """Install what the lock file says, with uv; what is there already is left as it is."""
    folder = environment(settings)
    if (folder / "complete").exists():
        return folder
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise OperatorError("There is no uv.", next_step="Run `make setup`, which brings it.")
    calls = (
        ["venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        ["pip", "install", "--quiet", "--python", str(_interpreter(folder)), "--require-hashes", "-r", str(LOCK)],
    )
    for call in calls:
        done = subprocess.run(  # noqa: S603 - uv, with arguments of ours
            [uv, *call], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise OperatorError(
                f"browser-use cannot be installed: {done.stderr.strip()[-500:]}",
                next_step="Check the package index that uv is set to, and run it again.",
            )
    (folder / "complete").touch()
    return folder


def _interpreter(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def main() -> int:
    from lyceum.errors import LyceumError
    from lyceum.settings import load_settings

    settings = load_settings().section("browser", BrowserSettings)
    try:
        sys.stdout.write(f"browser-use: {install(settings)}\n")
        sys.stdout.write(f"browser: {chromium(settings)}\n")
    except LyceumError as error:
        sys.stderr.write(f"{error.message} {error.next_step}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
