"""A real authorization server and a protected MCP server on loopback: the SDK's own server side, over HTTP.

It checks PKCE, redirect addresses and the resource, issues one-time codes and short tokens, rotates refresh tokens,
and names itself in the redirect (RFC 9207). Nobody clicks: whoever opens the address has agreed.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import uvicorn
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl
from starlette.responses import JSONResponse
from starlette.routing import Route


class Provider:
    """What it knows: clients, codes, tokens; `log` is what was asked of it, in order."""

    def __init__(self, issuer: str, resource: str) -> None:
        self.issuer = issuer
        self.resource = resource
        self.lasts = 3600
        self.iss: str | None = issuer  # what the redirect says
        self.clients: dict[str, OAuthClientInformationFull] = {}
        self.codes: dict[str, AuthorizationCode] = {}
        self.tokens: dict[str, AccessToken] = {}
        self.refreshes: dict[str, RefreshToken] = {}
        self.log: list[str] = []

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.log.append("register")
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        self.log.append("authorize")
        code = AuthorizationCode(
            code=secrets.token_urlsafe(),
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
        )
        self.codes[code.code] = code
        return construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state, iss=self.iss)

    async def load_authorization_code(self, client: Any, authorization_code: str) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(self, client: Any, authorization_code: AuthorizationCode) -> OAuthToken:
        self.log.append("code")
        del self.codes[authorization_code.code]
        assert authorization_code.resource == self.resource, "the token is asked for this server and no other"
        return self._issue(client.client_id, authorization_code.scopes)

    async def load_refresh_token(self, client: Any, refresh_token: str) -> RefreshToken | None:
        return self.refreshes.get(refresh_token)

    async def exchange_refresh_token(self, client: Any, refresh_token: RefreshToken, scopes: list[str]) -> OAuthToken:
        self.log.append("refresh")
        del self.refreshes[refresh_token.token]
        return self._issue(client.client_id, scopes)

    async def load_access_token(self, token: str) -> AccessToken | None:
        known = self.tokens.get(token)
        return known if known and (known.expires_at or 0) > time.time() else None

    async def verify_token(self, token: str) -> AccessToken | None:
        return await self.load_access_token(token)

    async def revoke_token(self, token: Any) -> None:
        self.tokens.pop(token.token, None)

    def _issue(self, client: str, scopes: list[str]) -> OAuthToken:
        access, refresh = secrets.token_urlsafe(), secrets.token_urlsafe()
        ends = int(time.time()) + self.lasts
        self.tokens[access] = AccessToken(
            token=access, client_id=client, scopes=scopes, expires_at=ends, resource=self.resource
        )
        self.refreshes[refresh] = RefreshToken(token=refresh, client_id=client, scopes=scopes)
        return OAuthToken(access_token=access, expires_in=self.lasts, refresh_token=refresh, scope=" ".join(scopes))


@contextmanager
def protected_server(*, documents: bool = False) -> Generator[tuple[str, Provider]]:
    """Serve both from one port for the length of the block; gives the MCP server's address and the provider.

    `documents`: the server takes client id metadata documents (and says so) beside registration.
    """
    with _listening() as (port, serve):
        issuer, resource = f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{port}/mcp"
        provider = Provider(issuer, resource)
        server = MCPServer(
            "calendar",
            auth_server_provider=provider,  # type: ignore[arg-type]
            auth=AuthSettings(
                issuer_url=AnyHttpUrl(issuer),
                resource_server_url=AnyHttpUrl(resource),
                validate_token_resource=True,
                required_scopes=["read"],
                client_registration_options=ClientRegistrationOptions(
                    enabled=True, valid_scopes=["read"], default_scopes=["read"]
                ),
            ),
        )

        @server.tool()
        def next_meeting() -> str:
            """Tell when the next meeting is."""
            return "Monday at nine."

        app = server.streamable_http_app()
        if documents:
            _announce_documents(app, issuer)
        serve(app)
        yield resource, provider


def _announce_documents(app: Any, issuer: str) -> None:
    async def metadata(_request: Any) -> JSONResponse:
        return JSONResponse(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}authorize",
                "token_endpoint": f"{issuer}token",
                "registration_endpoint": f"{issuer}register",
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "client_id_metadata_document_supported": True,
                "authorization_response_iss_parameter_supported": True,
            }
        )

    app.router.routes.insert(0, Route("/.well-known/oauth-authorization-server", metadata))


@contextmanager
def _listening() -> Generator[Any]:
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen(64)
        started: list[tuple[uvicorn.Server, threading.Thread]] = []

        def serve(app: Any) -> None:
            class Quiet(uvicorn.Server):
                def install_signal_handlers(self) -> None: ...

            serving = Quiet(uvicorn.Config(app, log_level="critical"))
            thread = threading.Thread(target=serving.run, kwargs={"sockets": [held]}, daemon=True)
            thread.start()
            while not serving.started:
                time.sleep(0.005)
            started.append((serving, thread))

        yield held.getsockname()[1], serve
        for serving, thread in started:
            serving.should_exit = serving.force_exit = True
            thread.join()
