"""Signing in to a remote server: the SDK's OAuth flow, with what it leaves open between two processes.

Discovery (RFC 9728, RFC 8414), PKCE, client id metadata documents or registration, the resource indicator (RFC 8707)
and the issuer's checks (RFC 9207) are the SDK's. Kept here: tokens with their end and their issuer, so that a later
process refreshes them at the server that gave them; the loopback address that the browser comes back to.
"""

from __future__ import annotations

import asyncio
import sys
import time
import webbrowser
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from pydantic import AnyUrl

from app.third_party.config import LOOPBACK, Expanded, OAuthEntry
from app.third_party.connection import SignsIn
from app.third_party.tokens import StoredTokens, open_vault

CALLBACK = "/callback"
LONGEST_LINE = 16_384
EARLY = 30  # seconds before its end at which a token is taken for ended

Open = Callable[[str], None]  # shows a person the address to sign in at


class SignIn(OAuthClientProvider):
    """The SDK's provider, which also remembers when tokens end and which server gave them.

    Without `callback` nobody is at hand: a stored token is used and refreshed, and a new one is asked for by hand.
    """

    def __init__(
        self, url: str, given: OAuthEntry, stored: StoredTokens, callback: Callback | None, open_: Open, name: str
    ) -> None:
        self._given = given
        self._stored = stored
        self._attended = callback is not None
        self._name = name
        redirect = callback.address if callback else f"http://127.0.0.1:{given.port or 1}{CALLBACK}"

        async def show(address: str) -> None:
            parts = urlsplit(address)
            if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
                raise OAuthFlowError("it sends you to sign in at an address that is not encrypted")
            open_(address)

        async def back() -> AuthorizationCodeResult:
            assert callback is not None
            return await callback.result()

        super().__init__(
            url,
            OAuthClientMetadata(
                client_name="Lyceum",
                redirect_uris=[AnyUrl(redirect)],
                token_endpoint_auth_method="none",  # noqa: S106 - a method's name
                scope=given.scope,
            ),
            stored,
            show,
            back,
            given.client_metadata_url,
        )

    async def _auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """As the SDK's; but with nobody at hand it ends where signing in would begin, before anything is registered."""
        flow = super()._auth_flow(request)
        try:
            sent = await anext(flow)
            while True:
                response = yield sent
                if not self._attended and sent is request and response.status_code in (401, 403):
                    raise OAuthFlowError(f"it wants you to sign in: `lyceum mcp inspect {self._name}`")
                sent = await flow.asend(response)
        except StopAsyncIteration:
            return
        finally:
            await flow.aclose()

    async def _initialize(self) -> None:
        await super()._initialize()
        context, known = self.context, self._stored.known
        if self._given.client_id:
            secret = self._given.client_secret
            context.client_info = OAuthClientInformationFull(
                client_id=self._given.client_id,
                client_secret=secret,
                redirect_uris=context.client_metadata.redirect_uris,
                token_endpoint_auth_method="client_secret_post" if secret else "none",
            )
        if context.current_tokens is not None:
            context.token_expiry_time = known.get("expires")
        if known.get("server"):
            context.oauth_metadata = OAuthMetadata.model_validate(known["server"])
            context.auth_server_url = str(context.oauth_metadata.issuer)
        if known.get("resource"):
            context.protected_resource_metadata = ProtectedResourceMetadata.model_validate(known["resource"])

    async def _handle_token_response(self, response: httpx2.Response) -> None:
        await super()._handle_token_response(response)
        self._remember(self.context.current_tokens)

    async def _handle_refresh_response(self, response: httpx2.Response) -> bool:
        done = await super()._handle_refresh_response(response)
        if done:
            self._remember(self.context.current_tokens)
        return done

    def _remember(self, tokens: OAuthToken | None) -> None:
        lasts = tokens.expires_in if tokens else None
        ends = time.time() + max(lasts - EARLY, 0) if lasts else None
        server, resource = self.context.oauth_metadata, self.context.protected_resource_metadata
        known: dict[str, Any] = {
            "expires": ends,
            "server": server.model_dump(mode="json", exclude_none=True) if server else None,
            "resource": resource.model_dump(mode="json", exclude_none=True) if resource else None,
        }
        self._stored.set_known(known)


class Callback:
    """Listens on loopback for the one request with which the browser comes back."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._found: asyncio.Future[AuthorizationCodeResult] | None = None
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}{CALLBACK}"

    async def listen(self) -> None:
        """Take the port, or any where it is taken."""
        self._found = asyncio.get_running_loop().create_future()
        try:
            self._server = await asyncio.start_server(self._answer, "127.0.0.1", self._port, limit=LONGEST_LINE)
        except OSError:
            self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0, limit=LONGEST_LINE)
        self._port = self._server.sockets[0].getsockname()[1]

    async def result(self) -> AuthorizationCodeResult:
        assert self._found is not None
        return await self._found

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._found is not None
        try:
            line = (await asyncio.wait_for(reader.readline(), 10)).decode("ascii", errors="replace")
            target = urlsplit(line.split(" ")[1]) if line.count(" ") >= 2 else urlsplit("")
            asked = {name: values[0] for name, values in parse_qs(target.query).items()}
            here = target.path == CALLBACK and ("code" in asked or "error" in asked)
            if here and not self._found.done():
                if "code" in asked:
                    result = AuthorizationCodeResult(code=asked["code"], state=asked.get("state"), iss=asked.get("iss"))
                    self._found.set_result(result)
                else:
                    self._found.set_exception(OAuthFlowError("signing in was refused there"))
            said = b"Signed in; you may close this page." if here else b"Nothing is here."
            status = b"200 OK" if here else b"404 Not Found"
            writer.write(
                b"HTTP/1.1 "
                + status
                + b"\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: "
                + str(len(said)).encode()
                + b"\r\n\r\n"
                + said
            )
            await writer.drain()
        except (OSError, ValueError, TimeoutError):
            return
        finally:
            writer.close()


def signing(home: Path, open_: Open | None = None) -> SignsIn:
    """Return what gives a connection its authorization; with `open_` a person is at hand and can sign in anew."""

    @asynccontextmanager
    async def signs_in(expanded: Expanded, key: str) -> AsyncGenerator[httpx2.Auth | None]:
        entry = expanded.entry
        if entry.url is None or any(name.lower() == "authorization" for name in entry.headers):
            yield None
            return
        given = entry.oauth or OAuthEntry()
        stored = StoredTokens(open_vault(home), key, entry.url)
        name = key.partition("@")[0]
        if open_ is None:
            yield SignIn(entry.url, given, stored, None, print, name)
            return
        client = await stored.get_client_info()
        before = urlsplit(str(client.redirect_uris[0])).port if client and client.redirect_uris else None
        callback = Callback(given.port or before or 0)
        await callback.listen()
        try:
            yield SignIn(entry.url, given, stored, callback, open_, name)
        finally:
            callback.close()

    return signs_in


def open_browser(address: str) -> None:
    """Show the address, and open it where there is a browser."""
    sys.stderr.write(f"Sign in at: {address}\n")
    sys.stderr.flush()
    webbrowser.open(address)


def forget_tokens(home: Path, key: str) -> None:
    open_vault(home).drop(key)
