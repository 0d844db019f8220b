"""A stranger's address as an MCP transport: answers are counted as they come, and lead nowhere else."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx2
from mcp.client.streamable_http import streamable_http_client

from app.third_party.config import LOOPBACK
from app.third_party.limits import Limits
from app.third_party.stdio import Health

_CONNECT = 10.0  # seconds; how long an answer may take is the caller's to say


@asynccontextmanager
async def bounded_http(
    url: str,
    headers: Mapping[str, str],
    authorization: AbstractAsyncContextManager[httpx2.Auth | None],
    limits: Limits,
    health: Health,
) -> AsyncGenerator[Any]:
    """Give the two streams of an address. A redirect to another origin is not followed (the SDK's rule)."""
    async with (
        authorization as auth,
        httpx2.AsyncClient(
            transport=BoundedTransport(url, limits, health),
            headers={**headers, "Accept-Encoding": "identity"},  # a few bytes can unpack to any number
            timeout=httpx2.Timeout(_CONNECT, read=None),
            auth=auth,
        ) as client,
        streamable_http_client(
            url, http_client=client, terminate_on_close=False, max_sse_event_size=limits.message
        ) as streams,
    ):
        yield streams


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Refuses what is packed or too long, and does not open the stream on which a server talks unasked."""

    def __init__(self, url: str, limits: Limits, health: Health) -> None:
        self._url = httpx2.URL(url)
        self._limits = limits
        self._health = health
        self._inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET" and request.url == self._url:
            return httpx2.Response(405, request=request)
        if not self._may_ask(request.url):
            self._health.reason = f"it sends us on to {request.url.host}, unencrypted"
            raise httpx2.ConnectError(self._health.reason, request=request)
        response = await self._inner.handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            self._health.reason = "it packs its answers, which was not asked for"
            raise httpx2.ReadError(self._health.reason, request=request)
        response.stream = _Counted(response.stream, self._limits.message, self._health)
        return response

    def _may_ask(self, url: httpx2.URL) -> bool:
        """Signing in leads to other hosts, which the server names: never without TLS, unless all is on this machine."""
        own = self._url
        if (url.scheme, url.host, url.port) == (own.scheme, own.host, own.port) or url.scheme == "https":
            return True
        return url.host in LOOPBACK and own.host in LOOPBACK

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, inner: Any, most: int, health: Health) -> None:
        self._inner = inner
        self._most = most
        self._health = health

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._inner:
            size += len(chunk)
            if size > self._most:
                self._health.reason = f"it answered with more than {self._most // 1024:,} KiB at once"
                raise httpx2.ReadError(self._health.reason)
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
