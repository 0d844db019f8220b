"""Streamable HTTP: Host and Origin checked, tokens asked for where somebody else could come, cut streams resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lyceum.errors import UserError
from mcp_servers.replay import RecentEvents, SessionsWithOwnEvents
from mcp_servers.server import ToolServer

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from mcp_servers.remote import RemoteSettings

PATH = "/mcp"
HOST = "127.0.0.1"
_RETRY_MS = 500  # after which a client whose stream was cut comes back


def http_app(server: ToolServer, port: int, *, host: str = HOST, settings: RemoteSettings | None = None) -> Starlette:
    """Return the application; both revisions are served under `/mcp`. Raises UserError for an unprotected address."""
    from mcp.server.transport_security import TransportSecuritySettings

    allowed = [f"127.0.0.1:{port}", f"localhost:{port}"]
    origins = [f"http://{each}" for each in allowed]
    if settings is not None:
        from mcp_servers.remote import check_bind

        check_bind(host, settings)
        if settings.url:
            known = urlsplit(settings.url)
            allowed.append(known.netloc)
            origins.append(f"{known.scheme}://{known.netloc}")
    elif host != HOST:
        raise UserError(f"{host} needs settings.", next_step="Give those of the section servers.mcp.")
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True, allowed_hosts=allowed, allowed_origins=origins
    )
    if settings is not None and (settings.token or settings.issuer):
        app = _protected(server, port, host, settings, security)
    else:
        app = server.streamable_http_app(
            streamable_http_path=PATH,
            event_store=RecentEvents(),
            retry_interval=_RETRY_MS,
            transport_security=security,
            host=host,
        )
    # The SDK makes the manager itself and takes no factory for it.
    server.session_manager.__class__ = SessionsWithOwnEvents
    return app


def _protected(server: ToolServer, port: int, host: str, settings: RemoteSettings, security: object) -> Starlette:
    """Return the application that asks for a token, with what clients need to know to get one (RFC 9728)."""
    from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
    from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend, RequireAuthMiddleware
    from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
    from mcp.server.auth.settings import AuthSettings
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.authentication import AuthenticationMiddleware
    from starlette.routing import Route

    from mcp_servers.catalogue import cards
    from mcp_servers.remote import ALL, IssuedTokens, ScopesAndRates, SecretToken

    url = settings.url or f"http://{host}:{port}{PATH}"
    # These settings keep an issuer's URL as it is written: clients compare it letter by letter.
    auth = AuthSettings.model_validate(
        {"issuer_url": settings.issuer or url, "resource_server_url": url, "validate_token_resource": True}
    )
    resource = auth.resource_server_url
    assert resource is not None
    inner = server.streamable_http_app(
        streamable_http_path=PATH,
        event_store=RecentEvents(),
        retry_interval=_RETRY_MS,
        transport_security=security,  # pyright: ignore[reportArgumentType] - imported late
        host=host,
    )
    metadata = build_resource_metadata_url(resource) if settings.issuer else None
    if settings.issuer:
        verifier: IssuedTokens | SecretToken = IssuedTokens(settings.issuer, url, settings.keys)
    else:
        assert settings.token is not None
        verifier = SecretToken(settings.token.get_secret_value(), url)
    limited = ScopesAndRates(inner, str(metadata or ""), settings.calls_per_minute)
    routes: list[Route] = [Route(PATH, endpoint=RequireAuthMiddleware(limited, [], metadata))]
    if settings.issuer:
        scopes = [ALL, *(f"tools:{name}" for name in cards())]
        routes += create_protected_resource_routes(
            resource_url=resource, authorization_servers=[auth.issuer_url], scopes_supported=scopes
        )
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(AuthenticationMiddleware, backend=BearerAuthBackend(verifier, resource_server_url=resource)),
            Middleware(AuthContextMiddleware),
        ],
        lifespan=lambda _app: server.session_manager.run(),
    )


def serve_http(server: ToolServer, port: int, *, host: str = HOST, settings: RemoteSettings | None = None) -> None:
    """Serve until the process is told to stop; raises UserError for what is no port, or an unprotected address."""
    if not 0 < port < 65536:
        raise UserError(f"{port} is not a port.", next_step="Choose one from 1 to 65535.")
    app = http_app(server, port, host=host, settings=settings)
    import uvicorn

    config = uvicorn.Config(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run()
