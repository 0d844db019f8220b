"""The only way out of the browser: a proxy on loopback that checks each connection as a page's address is checked.

Every name is resolved here and once for each connection, which goes to that very address; a script, a redirect or a
second answer of the resolver leads nowhere else (see `mcp_servers/reading/address.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from lyceum.errors import ModelRetry
from mcp_servers.browser.settings import BrowserSettings
from mcp_servers.reading.address import Target, resolve

HEAD = 65_536  # bytes of a request's head
SECONDS = 15.0  # to connect, or for a head to come
# What Chromium itself asks for, and no page does.
OWN = frozenset(
    (
        *("update.googleapis.com", "clients2.google.com", "clientservices.googleapis.com", "accounts.google.com"),
        *("optimizationguide-pa.googleapis.com", "content-autofill.googleapis.com", "safebrowsing.googleapis.com"),
        *("redirector.gvt1.com", "edgedl.me.gvt1.com", "android.clients.google.com", "start.duckduckgo.com"),
    )
)


class Proxy:
    """`refused` are the places that were not connected to and why; `over` says which limit was reached."""

    def __init__(self, settings: BrowserSettings) -> None:
        self._settings = settings
        self._connections = 0
        self._bytes = 0
        self._open: set[asyncio.StreamWriter] = set()
        self.address = ""
        self.refused: dict[str, ModelRetry] = {}
        self.over = ""

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[Proxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD)
        self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            self._end()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            async with asyncio.timeout(SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            method, where, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ", 2)
            url = f"https://{where}/" if method == "CONNECT" else where
            target = await self._permitted(url)
            if target is None:
                return
            async with asyncio.timeout(SECONDS):
                far, near = await asyncio.open_connection(target.address, target.port)
            self._open.add(near)
            try:
                if method == "CONNECT":
                    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    near.write(_rewritten(head, method, target))
                await self._both(reader, writer, far, near)
            finally:
                near.close()
                self._open.discard(near)
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a connection that fails is closed, and the browser says so
        finally:
            writer.close()
            self._open.discard(writer)

    async def _permitted(self, url: str) -> Target | None:
        parts = urlsplit(url)
        if parts.hostname in OWN or self.over:
            return None
        self._connections += 1
        if self._connections > self._settings.connections:
            self.over = f"more than {self._settings.connections} connections"
            self._end()
            return None
        try:
            return await resolve(url, self._settings.allow_private)
        except ModelRetry as error:
            self.refused[place(url)] = error
            return None

    async def _both(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
        far: asyncio.StreamReader, near: asyncio.StreamWriter,
    ) -> None:  # fmt: skip
        up = asyncio.create_task(self._copy(reader, near))
        try:
            await self._copy(far, writer)  # what the site has to say ends a connection
        finally:
            up.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await up

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            self._bytes += len(data)
            if self._bytes > self._settings.max_bytes:
                self.over = f"more than {self._settings.max_bytes / 1e6:g} MB"
                self._end()
                return
            sink.write(data)
            await sink.drain()

    def _end(self) -> None:
        for writer in list(self._open):
            writer.close()


def place(url: str) -> str:
    """Return host and port of a URL, as a refused place is named."""
    parts = urlsplit(url)
    with contextlib.suppress(ValueError):
        return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    return str(parts.hostname)


def _rewritten(head: bytes, method: str, target: Target) -> bytes:
    """Make the request to a proxy one to the site itself, and its last on this connection."""
    parts = target.parts
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = head.split(b"\r\n")[1:]
    kept = [line for line in lines if not line.lower().startswith((b"proxy-", b"connection:", b"host:"))]
    first = f"{method} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n"
    return first.encode("ascii") + b"\r\n".join(kept)
