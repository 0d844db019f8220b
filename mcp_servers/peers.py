"""How one server uses another without importing it: over MCP, wherever that server runs."""

from __future__ import annotations

from typing import Any, cast

from lyceum.errors import ModelRetry
from lyceum.settings import Settings
from mcp_servers.services import CallTool, Services


def caller(settings: Settings, services: Services) -> CallTool:
    """Return what calls a tool of another server: as the process connects to it, else one made in this process."""
    if services.call is not None:
        return services.call

    async def call(server: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        from mcp import Client
        from mcp_types import TextContent

        from mcp_servers.catalogue import make

        async with Client(make(server, settings, services)) as client:
            result = await client.call_tool(tool, arguments)
        if result.is_error:
            raise ModelRetry(" ".join(part.text for part in result.content if isinstance(part, TextContent)))
        return cast("dict[str, Any]", result.structured_content or {})

    return call
