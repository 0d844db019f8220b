"""Tools that are made when somebody asks for them: making one takes milliseconds, and a process may offer hundreds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mcp.server.mcpserver.tools.base import Tool
from mcp.server.mcpserver.tools.tool_manager import ToolManager

from mcp_servers.renamed import by_any_name


class PromisedTools(ToolManager):
    """Keeps tools, and how others are made, in the order in which they were given."""

    def __init__(self, tools: Sequence[Tool] = ()) -> None:
        super().__init__(tools=list(tools))
        self._makers: dict[str, Callable[[], Tool]] = {}
        self._order = [tool.name for tool in tools]

    def put(self, name: str, made: Tool | Callable[[], Tool]) -> None:
        """Keep a tool, or what makes it, under its name; a later one takes the place of an earlier one."""
        if name not in self._order:
            self._order.append(name)
        self._tools.pop(name, None)
        self._makers.pop(name, None)
        if isinstance(made, Tool):
            self._tools[name] = made
        else:
            self._makers[name] = made

    def get_tool(self, name: str) -> Tool | None:
        maker = self._makers.get(name)
        if maker is not None and name not in self._tools:
            self._tools[name] = maker()
        return self._tools.get(name)

    def list_tools(self) -> list[Tool]:
        known = [*self._order, *(name for name in self._tools if name not in self._order)]
        return [tool for tool in map(self.get_tool, known) if tool is not None]

    def named(self, name: str) -> Tool | None:
        """Return the tool of this name, now or formerly."""
        return self.get_tool(name) or by_any_name(self.list_tools()).get(name)
