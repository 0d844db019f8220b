"""Opening one page: the proxy, the isolated process and its browser are started for it and ended with it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from lyceum.errors import ModelRetry, Unavailable
from mcp_servers.browser.install import COMMAND, chromium, python
from mcp_servers.browser.proxy import Proxy, place
from mcp_servers.browser.settings import BrowserSettings
from mcp_servers.peers import answered
from mcp_servers.reading.address import parsed
from mcp_servers.reading.fetching import Fetched, Fetcher

START = 40.0  # seconds for browser-use and a browser to start, besides the page's own
KEPT = 3_000_000  # characters of a page's HTML
SIDE_BY_SIDE = 2  # browsers at a time
PROGRAM = Path(__file__).with_name("isolated.py")


class Rendered(BaseModel):
    """A page as the browser showed it; `slow`: it was still changing when its time was over."""

    url: str
    title: str = ""
    kind: str = "text/html"
    status: int = 0
    html: str = ""
    whole: int = 0
    links: list[tuple[str, str]] = []
    slow: bool = False
    picture: str = ""

    def fetched(self) -> Fetched:
        return Fetched(self.url, "text/html", "utf-8", self.html.encode("utf-8", "replace"))


class Browser:
    """Opens pages for one process; each with a browser and a profile of its own."""

    def __init__(self, settings: BrowserSettings) -> None:
        self._settings = settings
        self._fetcher = Fetcher(settings)
        self._turn = asyncio.Semaphore(SIDE_BY_SIDE)

    async def open(self, url: str, *, picture: bool = False) -> Rendered:
        """Return a page; raises ModelRetry for one that is not to be opened, Unavailable where it did not answer."""
        program, executable = python(self._settings), chromium(self._settings)
        parsed(url)
        await self._fetcher.check(url)
        async with self._turn:
            folder = Path(tempfile.mkdtemp(prefix="lyceum-browser-"))
            try:
                async with Proxy(self._settings).serving() as proxy:
                    answer = await self._asked(program, executable, folder, proxy, url, picture)
                    return _judged(answer, proxy)
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _asked(
        self, program: Path, executable: str, folder: Path, proxy: Proxy, url: str, picture: bool
    ) -> dict[str, Any]:
        from mcp import Client, MCPError
        from mcp.client.stdio import StdioServerParameters, stdio_client

        given = {
            "proxy": proxy.address, "folder": str(folder), "executable": executable, "most": KEPT,
            "sandbox": not hasattr(os, "getuid") or os.getuid() != 0,  # which Chromium refuses to root
        }  # fmt: skip
        # Nothing of this process's environment is handed on: it may hold keys.
        environment = {
            "PATH": os.environ.get("PATH", ""), "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8",
            "LYCEUM_BROWSER": json.dumps(given),
        }  # fmt: skip
        parameters = StdioServerParameters(
            command=str(program), args=["-I", "-B", str(PROGRAM)], env=environment, cwd=folder
        )
        arguments = {"url": url, "seconds": self._settings.seconds, "picture": picture}
        try:
            with (folder / "log").open("w") as log:
                async with (
                    asyncio.timeout(START + 2 * self._settings.seconds),
                    Client(stdio_client(parameters, errlog=log)) as client,
                ):
                    result = await client.call_tool("open_page", arguments)
        except TimeoutError:
            raise Unavailable("The browser did not answer in time.", next_step="Use another page.") from None
        except (OSError, MCPError) as error:
            raise Unavailable(
                f"The browser did not start ({type(error).__name__}).", next_step=f"Run `{COMMAND}` again."
            ) from None
        try:
            answer = answered(result, "open_page")
        except ModelRetry as error:
            raise Unavailable(f"The browser failed: {error.message[:300]}", next_step="Use another page.") from None
        return cast("dict[str, Any]", answer.get("result", answer))


def _judged(answer: dict[str, Any], proxy: Proxy) -> Rendered:
    if "problem" in answer:
        raise Unavailable(f"The page was opened, but {answer['problem']}.", next_step="Use another page.")
    page = Rendered.model_validate(answer)
    if not page.url.startswith(("http://", "https://")):  # the browser's own page of an error
        for refused in proxy.refused.values():
            raise refused
        if proxy.over:
            raise ModelRetry(f"The page loads {proxy.over}.", next_step="Use another page.")
        raise Unavailable("The page did not answer.", next_step="Use another page.")
    if place(page.url) in proxy.refused:
        raise proxy.refused[place(page.url)]
    if page.kind not in ("text/html", "application/xhtml+xml", "text/plain"):
        raise ModelRetry(f"The page is {page.kind}, which needs no browser.", next_step="Read it with web_fetch.")
    if page.status >= 400:
        raise ModelRetry(f"The site answers {page.status}.", next_step="Use another page.")
    if not page.html.strip() or page.whole > KEPT:
        raise ModelRetry("The page is empty or too large.", next_step="Use another page.")
    return page
