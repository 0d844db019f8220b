"""The factory every tool server uses, in process, over stdio and over HTTP alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.tools.base import Tool
from pydantic import BaseModel

from lyceum import __version__
from mcp_servers.tool import Effect, typed_tool

FunctionT = TypeVar("FunctionT", bound=Callable[..., Awaitable[BaseModel]])


class ToolServer(MCPServer[Any]):
    """An MCP server whose tools keep the house contract; see `mcp_servers/tool.py` for what that adds."""

    def __init__(self, name: str, *, instructions: str, tools: Sequence[Tool] = ()) -> None:
        super().__init__(name, instructions=instructions, version=__version__, tools=list(tools), log_level="WARNING")
        self._own_tools = list(tools)

    @property
    def own_tools(self) -> Sequence[Tool]:
        return self._own_tools

    def expose(self, *, title: str, effect: Effect, open_world: bool = False) -> Callable[[FunctionT], FunctionT]:
        """Publish a typed async function as a tool.

        `effect`: "read" changes nothing, "run" computes in isolation, "write" adds, "destroy" may replace or remove.
        """

        def decorate(function: FunctionT) -> FunctionT:
            tool = typed_tool(function, title=title, effect=effect, open_world=open_world)
            self._tool_manager._tools[tool.name] = tool  # pyright: ignore[reportPrivateUsage]
            self._own_tools.append(tool)
            return function

        return decorate


def combine(name: str, servers: Sequence[ToolServer]) -> ToolServer:
    """Serve several servers' tools from one process; their names are unique by their prefix."""
    instructions = "\n".join(f"{server.name}: {server.instructions}" for server in servers)
    return ToolServer(name, instructions=instructions, tools=[tool for s in servers for tool in s.own_tools])
