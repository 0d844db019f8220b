"""How one server uses another without importing it: over MCP, wherever that server runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lyceum.errors import ModelRetry
from lyceum.settings import Settings
from mcp_servers.services import CallTool, Services

if TYPE_CHECKING:
    from mcp import Client
    from mcp_types import CallToolResult


def caller(settings: Settings, services: Services) -> CallTool:
    """Return what calls a tool of another server: as the process connects to it, else one made in this process."""
    if services.call is not None:
        return services.call

    async def call(server: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        from mcp import Client

        from mcp_servers.catalogue import make

        async with Client(make(server, settings, services)) as client:
            result = await client.call_tool(tool, arguments)
        return answered(result, tool)  # raised inside, an error would come out as a group of one

    return call


async def call_tool(client: Client, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Call one tool and return its structured result; raises ModelRetry with the tool's own words."""
    return answered(await client.call_tool(tool, arguments), tool)


def answered(result: CallToolResult, tool: str) -> dict[str, Any]:
    """Return what a tool answered; raises ModelRetry with the tool's own words."""
    from mcp_types import TextContent

    if result.is_error:
        text = " ".join(part.text for part in result.content if isinstance(part, TextContent))
        raise ModelRetry(text or f"{tool} failed.")
    return cast("dict[str, Any]", result.structured_content or {})
