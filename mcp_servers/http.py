"""Streamable HTTP on this machine's loopback: Host and Origin checked, cut streams resumed, a quick end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lyceum.errors import UserError
from mcp_servers.replay import RecentEvents, SessionsWithOwnEvents
from mcp_servers.server import ToolServer

if TYPE_CHECKING:
    from starlette.applications import Starlette

PATH = "/mcp"
_RETRY_MS = 500  # after which a client whose stream was cut comes back


def http_app(server: ToolServer, port: int) -> Starlette:
    """Return the application that answers on a loopback port; both revisions are served under `/mcp`."""
    from mcp.server.transport_security import TransportSecuritySettings

    allowed = [f"127.0.0.1:{port}", f"localhost:{port}"]
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=allowed,
        allowed_origins=[f"http://{host}" for host in allowed],
    )
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        event_store=RecentEvents(),
        retry_interval=_RETRY_MS,
        transport_security=security,
        host="127.0.0.1",
    )
    # The SDK makes the manager itself and takes no factory for it.
    server.session_manager.__class__ = SessionsWithOwnEvents
    return app


def serve_http(server: ToolServer, port: int) -> None:
    """Serve until the process is told to stop; raises UserError for what is no port."""
    import uvicorn

    if not 0 < port < 65536:
        raise UserError(f"{port} is not a port.", next_step="Choose one from 1 to 65535.")
    config = uvicorn.Config(
        http_app(server, port), host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1
    )
    uvicorn.Server(config).run()
