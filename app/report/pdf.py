"""A report's page as PDF, printed by a browser that is here: sandboxed, with no network, in limited time.

The page is a file in a folder of its own with an empty profile. A browser refuses its sandbox to root, so root has it
run as an unprivileged user.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from pathlib import Path

from lyceum.errors import OperatorError
from lyceum.settings import Settings
from lyceum.unprivileged import NOBODY, is_root, unprivileged
from mcp_servers.browser.install import chromium
from mcp_servers.browser.settings import BrowserSettings

SECONDS = 60.0
# The page asks for nothing and runs nothing (its own policy forbids both); these keep the browser's services quiet.
FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pdf-header-footer",
    "--proxy-server=127.0.0.1:9",  # nobody listens there
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


async def print_page(page: str, pdf: Path, settings: Settings, *, seconds: float = SECONDS) -> str:
    """Print a page into a file; returns why there is none, or an empty string."""
    try:
        browser = chromium(settings.section("browser", BrowserSettings))
    except OperatorError as error:
        return f"{error.message} {error.next_step}"
    with tempfile.TemporaryDirectory(prefix="lyceum-pdf-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        (folder / "report.html").write_text(page, encoding="utf-8")
        problem = await _run(browser, folder, seconds)
        printed = folder / "report.pdf"
        if not problem and (not printed.is_file() or not printed.read_bytes().startswith(b"%PDF-")):
            problem = f"{Path(browser).name} printed nothing"
        if not problem:
            shutil.copyfile(printed, pdf)
    return problem


async def _run(browser: str, folder: Path, seconds: float) -> str:
    if is_root():
        for each in (folder, folder / "report.html"):
            os.chown(each, NOBODY, NOBODY)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "TMPDIR": str(folder)}
    command = [
        browser,
        *FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        f"--print-to-pdf={folder / 'report.pdf'}",
        (folder / "report.html").as_uri(),
    ]
    quiet = asyncio.subprocess.DEVNULL
    try:
        running = await asyncio.create_subprocess_exec(
            *unprivileged(command), stdin=quiet, stdout=quiet, stderr=quiet, cwd=folder, env=environment,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        return f"{browser} cannot be started ({type(error).__name__})"
    try:
        async with asyncio.timeout(seconds):
            code = await running.wait()
    except TimeoutError:
        return f"{Path(browser).name} took longer than {seconds:g} s"
    finally:
        _end(running.pid)
        await running.wait()
    return f"{Path(browser).name} ended with {code}" if code else ""


def _end(group: int) -> None:
    """End the browser and what it started, which is all in one process group."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
