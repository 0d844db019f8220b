"""Who may reach the tool servers over a network: nobody without a token, and each only what the token's scopes allow.

Two ways: one secret token for everybody who may do everything, or tokens of an OAuth 2.1 authorization server, whose
audience has to be this server (RFC 8707, RFC 9728). A scope is `tools:SERVER`, or `tools:all`.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, cast

import jwt
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lyceum.errors import UserError
from mcp_servers.catalogue import cards

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALL = "tools:all"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ALGORITHMS = ["RS256", "ES256", "EdDSA"]  # signatures only: a shared secret could be guessed
_LARGEST = 4 * 1024 * 1024  # bytes of a request that is looked into


class RemoteSettings(BaseModel):
    """[servers.mcp] of the settings: how tools are served over a network."""

    model_config = ConfigDict(extra="forbid")

    token: SecretStr | None = Field(default=None, description="A secret of 32 characters at least that opens all.")
    issuer: str = Field(default="", description="An OAuth authorization server, by its issuer URL.")
    keys: str = Field(default="", description="Where its keys are (JWKS); found through its metadata unless named.")
    url: str = Field(default="", description="The URL of this server as clients know it, e.g. https://host/mcp.")
    calls_per_minute: int = Field(default=600, ge=1, le=1_000_000, description="Requests a minute of each caller.")


def check_bind(host: str, settings: RemoteSettings) -> None:
    """Raise UserError for an address beyond this machine that nothing would protect."""
    if settings.token is not None and len(settings.token.get_secret_value()) < 32:
        raise UserError(
            "The token of servers.mcp is short.", next_step="Take 32 characters, e.g. `openssl rand -hex 32`."
        )
    if settings.issuer and not settings.url:
        raise UserError("servers.mcp.issuer needs servers.mcp.url.", next_step="Say how clients reach this server.")
    if host not in _LOOPBACK and settings.token is None and not settings.issuer:
        raise UserError(
            f"Serving on {host} lets everybody who reaches it use these tools.",
            next_step="Set LYCEUM_SERVERS__MCP__TOKEN to a secret of 32 characters, or servers.mcp.issuer; or serve "
            "on 127.0.0.1.",
        )
    if host not in _LOOPBACK and not settings.url:
        raise UserError(
            f"Which URL do clients use for {host}?",
            next_step="Set LYCEUM_SERVERS__MCP__URL, e.g. https://tools.example/mcp: Host and Origin have to fit it.",
        )


class SecretToken:
    """Accepts one secret, compared in constant time."""

    def __init__(self, secret: str, url: str) -> None:
        self._secret = secret.encode()
        self._url = url

    async def verify_token(self, token: str) -> AccessToken | None:
        if not hmac.compare_digest(token.encode(), self._secret):
            return None
        return AccessToken(token="", client_id="token", scopes=[ALL], resource=self._url)


class IssuedTokens:
    """Accepts signed tokens (JWT) of one issuer for one resource; the issuer's keys are fetched when first needed."""

    def __init__(self, issuer: str, url: str, keys: str = "") -> None:
        self._issuer = issuer
        self._url = url
        self._keys = keys
        self._client: jwt.PyJWKClient | None = None

    async def verify_token(self, token: str) -> AccessToken | None:
        try:
            if self._client is None:
                self._client = jwt.PyJWKClient(self._keys or await self._found(), cache_keys=True, timeout=10)
            key = await asyncio.to_thread(self._client.get_signing_key_from_jwt, token)
            claims = jwt.decode(
                token,
                key.key,
                algorithms=_ALGORITHMS,
                issuer=self._issuer,
                audience=self._url,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.PyJWTError:
            return None
        scopes = str(claims.get("scope", "")).split()
        who = claims.get("client_id") or claims.get("azp") or claims.get("sub") or "unknown"
        return AccessToken(
            token="",
            client_id=str(who),
            scopes=scopes,
            expires_at=int(claims["exp"]),
            resource=self._url,
            subject=claims.get("sub"),
            claims={"iss": claims["iss"]},
        )

    async def _found(self) -> str:
        """Return where the issuer says that its keys are (RFC 8414, OpenID Connect Discovery)."""
        import httpx2

        base = self._issuer.rstrip("/")
        async with httpx2.AsyncClient(timeout=10) as web:
            for path in ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"):
                try:
                    answer = await web.get(base + path)
                    if answer.status_code == 200 and answer.json().get("issuer") == self._issuer:
                        return str(answer.json()["jwks_uri"])
                except (httpx2.HTTPError, ValueError, KeyError):
                    continue
        raise jwt.PyJWKClientError(f"{self._issuer} does not say where its keys are")


class ScopesAndRates:
    """Refuses calls beyond a caller's scopes with a step-up challenge (403), and too many of them (429)."""

    def __init__(self, app: ASGIApp, metadata_url: str, calls_per_minute: int) -> None:
        self._app = app
        self._metadata_url = metadata_url
        self._most = calls_per_minute
        self._seen: dict[str, tuple[float, float]] = defaultdict(lambda: (float(calls_per_minute), time.monotonic()))
        self._servers = set(cards())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        user = scope.get("user")
        if scope["type"] != "http" or not isinstance(user, AuthenticatedUser) or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        wait = self._wait(f"{user.access_token.client_id} {user.access_token.subject}")
        if wait:
            await _refuse(send, 429, "slow_down", [(b"retry-after", str(wait).encode())])
            return
        body, again = await _read(receive)
        if body is None:
            await _refuse(send, 413, "too_large", [])
            return
        missing = self._missing(body, set(user.scopes))
        if missing:
            challenge = f'Bearer error="insufficient_scope", scope="{" ".join(sorted(missing))}"'
            if self._metadata_url:
                challenge += f', resource_metadata="{self._metadata_url}"'
            await _refuse(send, 403, "insufficient_scope", [(b"www-authenticate", challenge.encode())])
            return
        await self._app(scope, again, send)

    def _wait(self, who: str) -> int:
        """Take one call from a caller's bucket; return how many seconds until there is one again, 0 where there is."""
        if len(self._seen) > 10_000:
            self._seen.clear()
        held, then = self._seen[who]
        now = time.monotonic()
        held = min(self._most, held + (now - then) * self._most / 60)
        self._seen[who] = (max(0.0, held - 1) if held >= 1 else held, now)
        return 0 if held >= 1 else max(1, round((1 - held) * 60 / self._most))

    def _missing(self, body: bytes, scopes: set[str]) -> set[str]:
        """Return the scopes that the calls in a request still need."""
        if ALL in scopes:
            return set()
        try:
            sent = json.loads(body)
        except ValueError:
            return set()  # the server itself says what is wrong with it
        messages = cast("list[Any]", sent if isinstance(sent, list) else [sent])
        calls = [cast("dict[str, Any]", each) for each in messages if isinstance(each, dict)]
        return {need for call in calls for need in self._needed(call)} - scopes

    def _needed(self, message: dict[str, Any]) -> set[str]:
        params = message.get("params")
        if message.get("method") != "tools/call" or not isinstance(params, dict):
            return set()
        given = cast("dict[str, Any]", params)
        name = str(given.get("name", ""))
        if name.endswith(("tools_call_read", "tools_call_write")):
            arguments = given.get("arguments")
            name = str(cast("dict[str, Any]", arguments).get("name", "")) if isinstance(arguments, dict) else ""
        elif name.endswith("tools_search"):
            return set()
        # A namespace may stand before the name of the server.
        found = [server for server in self._servers if name.startswith(f"{server}_") or f"_{server}_" in name]
        return {f"tools:{server}" for server in found} or {ALL}


async def _read(receive: Receive) -> tuple[bytes | None, Receive]:
    """Return a request's body, None where it is too large, and what gives it once more."""
    parts: list[bytes] = []
    while True:
        message: Message = await receive()
        parts.append(message.get("body", b""))
        if sum(map(len, parts)) > _LARGEST:
            return None, receive
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    body = b"".join(parts)
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return body, again


async def _refuse(send: Send, status: int, error: str, headers: list[tuple[bytes, bytes]]) -> None:
    body = json.dumps({"error": error}).encode()
    fixed = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})
