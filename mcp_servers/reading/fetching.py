"""Reading one page over HTTP: pinned to a checked address, within limits, redirects checked like the first address."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx2

from lyceum import __version__
from lyceum.errors import ModelRetry, Unavailable
from mcp_servers.reading.address import Target, resolve
from mcp_servers.reading.limits import ReadingSettings
from mcp_servers.reading.robots import LONGEST, PRODUCT, Robots, parse

AGENT = f"{PRODUCT}/{__version__} (reads pages for one person)"
READ = ("text/html", "application/xhtml+xml", "text/plain", "text/markdown", "application/pdf", "application/json")
ROBOTS_SECONDS = 3600.0
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


@dataclass(frozen=True)
class Fetched:
    """The bytes of a page, where they came from in the end, and what the server says that they are."""

    url: str
    kind: str
    charset: str | None
    data: bytes


class Fetcher:
    """Reads pages for one process; what sites ask in robots.txt is remembered for an hour."""

    def __init__(self, settings: ReadingSettings) -> None:
        self._settings = settings
        self._robots: dict[str, tuple[float, Robots | None]] = {}

    async def get(self, url: str) -> Fetched:
        """Return a page; raises ModelRetry for one that is not to be read, Unavailable for one that did not answer."""
        try:
            async with asyncio.timeout(self._settings.seconds), _client() as client:
                return await self._follow(client, url)
        except TimeoutError:
            raise Unavailable(
                f"The page took longer than {self._settings.seconds:g} s.", next_step="Use another page."
            ) from None
        except httpx2.HTTPError as error:
            raise Unavailable(f"The page did not answer ({type(error).__name__}).", next_step="Use another.") from None

    async def check(self, url: str) -> None:
        """Refuse an address that is not to be read, as `get` does, without reading it."""
        try:
            async with asyncio.timeout(self._settings.seconds), _client() as client:
                target = await resolve(url, self._settings.allow_private)
                if self._settings.robots:
                    await self._permitted(client, target)
        except TimeoutError:
            raise Unavailable("The site took too long to say what may be read.", next_step="Use another.") from None
        except httpx2.HTTPError as error:
            raise Unavailable(f"The site did not answer ({type(error).__name__}).", next_step="Use another.") from None

    async def _follow(self, client: httpx2.AsyncClient, url: str) -> Fetched:
        for _ in range(self._settings.redirects + 1):
            target = await resolve(url, self._settings.allow_private)
            if self._settings.robots:
                await self._permitted(client, target)
            answer = await self._one(client, target, self._settings.max_bytes)
            if isinstance(answer, Fetched):
                return answer
            if target.parts.scheme == "https" and answer.startswith("http://"):
                raise ModelRetry("The page leads from https to http.", next_step="Use another page.")
            url = answer
        raise ModelRetry(f"The page redirects more than {self._settings.redirects} times.", next_step="Use another.")

    async def _one(self, client: httpx2.AsyncClient, target: Target, most: int) -> Fetched | str:
        """Make one request; returns the page, or the address that it redirects to."""
        async with client.stream("GET", _pinned(target), headers=_headers(target), extensions=_named(target)) as answer:
            if answer.status_code in _REDIRECTS and answer.headers.get("location"):
                return urljoin(target.url, answer.headers["location"])
            _refuse_status(answer)
            kind = answer.headers.get("content-type", "text/html").partition(";")[0].strip().lower()
            if kind not in READ:
                raise ModelRetry(
                    f"The page is {kind or 'of no known type'}, which is not read.", next_step="Use another."
                )
            if int(answer.headers.get("content-length") or 0) > most:
                raise _too_large(most)
            data = bytearray()
            async for chunk in answer.aiter_bytes(65_536):
                data += chunk
                if len(data) > most:
                    raise _too_large(most)
            return Fetched(target.url, kind, answer.charset_encoding, bytes(data))

    async def _permitted(self, client: httpx2.AsyncClient, target: Target) -> None:
        site = f"{target.parts.scheme}://{target.parts.netloc}"
        held = self._robots.get(site)
        if held is None or time.monotonic() - held[0] > ROBOTS_SECONDS:
            held = (time.monotonic(), await self._asked(client, target, site))
            self._robots[site] = held
        robots = held[1]
        path = target.parts.path or "/"
        if robots is None:
            raise Unavailable(f"{target.host} does not say what may be read (robots.txt).", next_step="Use another.")
        if not robots.allows(f"{path}?{target.parts.query}" if target.parts.query else path):
            raise ModelRetry(
                f"{target.host} asks programs not to read this (robots.txt).", next_step="Use another page."
            )

    async def _asked(self, client: httpx2.AsyncClient, target: Target, site: str) -> Robots | None:
        """Return a site's robots.txt, from the same pinned address; None where the server fails (RFC 9309, 2.3.1.4)."""
        place = Target(f"{site}/robots.txt", target.parts._replace(path="/robots.txt", query=""), *_where(target))
        data = bytearray()
        async with client.stream("GET", _pinned(place), headers=_headers(place), extensions=_named(place)) as answer:
            if answer.status_code >= 500:
                return None
            if answer.status_code != 200:
                return Robots()
            async for chunk in answer.aiter_bytes(65_536):
                data += chunk
                if len(data) > LONGEST:
                    break
        return parse(data.decode("utf-8", "replace"))


def _client() -> httpx2.AsyncClient:
    # No proxy of the environment: it would resolve names a second time, and by itself.
    # No connection is used twice: the pool knows addresses only, and two names at one address are two certificates.
    limits = httpx2.Limits(max_keepalive_connections=0)
    return httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=httpx2.Timeout(10), limits=limits)


def _where(target: Target) -> tuple[str, str, int]:
    return target.host, target.address, target.port


def _pinned(target: Target) -> str:
    """Return the URL with the checked address in the place of the name."""
    host = f"[{target.address}]" if ":" in target.address else target.address
    query = f"?{target.parts.query}" if target.parts.query else ""
    return f"{target.parts.scheme}://{host}:{target.port}{target.parts.path or '/'}{query}"


def _headers(target: Target) -> dict[str, str]:
    return {
        "Host": _ascii(target),
        "User-Agent": AGENT,
        "Accept": ", ".join(READ),
        "Accept-Encoding": "gzip",
    }


def _ascii(target: Target) -> str:
    host = target.host if target.host.isascii() else target.host.encode("idna").decode()
    host = f"[{host}]" if ":" in host else host
    return host if target.parts.port is None else f"{host}:{target.port}"


def _named(target: Target) -> dict[str, str]:
    """TLS asks for, and checks, the certificate of the name and not of the address."""
    host = target.host if target.host.isascii() else target.host.encode("idna").decode()
    return {"sni_hostname": host} if target.parts.scheme == "https" else {}


def _refuse_status(answer: httpx2.Response) -> None:
    if answer.status_code in (408, 425, 429) or answer.status_code >= 500:
        raise Unavailable(f"The site answers {answer.status_code}.", next_step="Try again later.")
    if answer.status_code != 200:
        raise ModelRetry(f"The site answers {answer.status_code}.", next_step="Use another page.")


def _too_large(most: int) -> ModelRetry:
    return ModelRetry(f"The page is larger than {most / 1e6:g} MB.", next_step="Use another page.")
