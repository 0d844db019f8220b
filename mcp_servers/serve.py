"""One process that serves any choice of tool servers over stdio or streamable HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from lyceum.errors import UserError
from lyceum.settings import Settings
from mcp_servers.catalogue import make_all
from mcp_servers.server import ToolServer, combine
from mcp_servers.services import Services


def combined(settings: Settings, toolsets: Sequence[str] = (), *, read_only: bool = False) -> ToolServer:
    """Combine the named servers (all by default); `read_only` leaves out every tool that changes anything."""
    from lyceum.run_store import SqliteRunStore

    services = Services(settings.home, store=SqliteRunStore(settings.home / "runs.db"))
    server = combine("lyceum", make_all(toolsets, settings, services))
    if not read_only:
        return server
    reading = [tool for tool in server.own_tools if tool.annotations and tool.annotations.read_only_hint]
    return ToolServer("lyceum", instructions=server.instructions or "", tools=reading)


def serve(
    settings: Settings,
    *,
    toolsets: Sequence[str] = (),
    transport: Literal["stdio", "http"] = "stdio",
    port: int = 8765,
    read_only: bool = False,
) -> None:
    """Serve until the client goes away. HTTP binds to loopback only, with Host and Origin checked."""
    from mcp.server.transport_security import TransportSecuritySettings

    server = combined(settings, toolsets, read_only=read_only)
    if transport == "stdio":
        server.run("stdio")
        return
    if not 0 < port < 65536:
        raise UserError(f"{port} is not a port.", next_step="Choose one from 1 to 65535.")
    allowed = [f"127.0.0.1:{port}", f"localhost:{port}"]
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=allowed,
        allowed_origins=[f"http://{host}" for host in allowed],
    )
    server.run("streamable-http", host="127.0.0.1", port=port, transport_security=security)
