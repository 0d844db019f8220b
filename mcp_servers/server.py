"""The factory every tool server uses, in process, over stdio and over HTTP alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self, TypeVar

from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.extension import Extension
from mcp.server.mcpserver import MCPServer, RequestStateSecurity
from mcp.server.mcpserver.context import Context
from mcp.server.mcpserver.tools.base import Tool
from mcp_types import CallToolResult, CompleteRequestParams, InputRequiredResult

from lyceum import __version__
from mcp_servers.completions import Complete, Completers
from mcp_servers.log_lines import offer_log_lines
from mcp_servers.promised import PromisedTools
from mcp_servers.selecting import Records
from mcp_servers.subscriptions import serve_older_subscribers
from mcp_servers.tool import Effect, TaskSupport, typed_tool

# What is listed changes when the process is started anew; clients that were told of a change ask again anyway.
_LISTS: tuple[CacheableMethod, ...] = ("tools/list", "prompts/list", "resources/list", "resources/templates/list")
_LISTS_MS = 300_000

FunctionT = TypeVar("FunctionT", bound=Callable[..., Awaitable[Any]])


class ToolServer(MCPServer[Any]):
    """An MCP server whose tools keep the house contract; see `mcp_servers/tool.py` for what that adds.

    `state` seals what a client sends back between two rounds of one call: with the same key a restarted process
    still takes it.
    """

    def __init__(
        self,
        name: str,
        *,
        instructions: str,
        tools: Sequence[Tool] = (),
        extensions: Sequence[Extension] = (),
        state: RequestStateSecurity | None = None,
    ) -> None:
        super().__init__(
            name,
            instructions=instructions,
            version=__version__,
            extensions=extensions,
            request_state_security=state,
            cache_hints=dict.fromkeys(_LISTS, CacheHint(ttl_ms=_LISTS_MS)),
            log_level="WARNING",
        )
        self._tools = self._tool_manager = PromisedTools(tools)
        self._completers = Completers()
        self._logs = False
        serve_older_subscribers(self._lowlevel_server, self._subscriptions)

    @property
    def own_tools(self) -> Sequence[Tool]:
        return self._tools.list_tools()

    def own_tool(self, name: str) -> Tool | None:
        """Return one tool, by its name now, without making the others."""
        return self._tools.get_tool(name)

    def expose(
        self,
        *,
        title: str,
        effect: Effect,
        open_world: bool = False,
        task: TaskSupport = "none",
        formerly: tuple[str, ...] = (),
        records: Records | None = None,
        origin: str = "",
    ) -> Callable[[FunctionT], FunctionT]:
        """Publish a typed async function as a tool.

        `effect`: "read" changes nothing, "run" computes in isolation, "write" adds, "destroy" may replace or remove.
        `task`: whether a client that knows tasks gets one instead of a long wait; see `mcp_servers/tasks/`.
        `formerly`: names that the tool once had, under which it can still be called; see `mcp_servers/renamed.py`.
        `records`: lists of its result of which clients may ask for a part; see `mcp_servers/selecting.py`.
        `origin`: where texts in its result are from that others wrote; see `mcp_servers/delimiting.py`.
        """

        def decorate(function: FunctionT) -> FunctionT:
            def make() -> Tool:
                return typed_tool(
                    function,
                    title=title,
                    effect=effect,
                    open_world=open_world,
                    task=task,
                    formerly=formerly,
                    records=records,
                    origin=origin,
                )

            self._tools.put(function.__name__, make)
            return function

        return decorate

    def put(self, tool: Tool) -> None:
        """Add a tool that is already made."""
        self._tools.put(tool.name, tool)

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool by its name, or by one that it once had."""
        tool = self._tools.named(name)
        return await super().call_tool(tool.name if tool else name, arguments, context)

    def complete(self, of: str, argument: str) -> Callable[[Complete], Complete]:
        """Suggest values for an argument of a prompt (its name) or of a resource template (its address)."""

        def decorate(function: Complete) -> Complete:
            self._completers[of, argument] = function
            self._offer_completions()
            return function

        return decorate

    def offer_log_lines(self) -> None:
        """Let clients ask for log lines; `log_lines.log_line` sends one."""
        self._logs = True
        offer_log_lines(self._lowlevel_server)

    def take(self, *others: ToolServer) -> Self:
        """Serve what others offer beside tools: resources, templates, prompts, completions and log lines."""
        for other in others:
            for resource in other._resource_manager.list_resources():
                self.add_resource(resource)
            self._resource_manager._templates.update(other._resource_manager._templates)  # pyright: ignore[reportPrivateUsage]
            for prompt in other._prompt_manager.list_prompts():
                self.add_prompt(prompt)
            self._completers.update(other._completers)
            if other._logs:
                self.offer_log_lines()
        if self._completers:
            self._offer_completions()
        return self

    def _offer_completions(self) -> None:
        self._lowlevel_server.add_request_handler("completion/complete", CompleteRequestParams, self._completers.answer)


def instructions(servers: Sequence[ToolServer]) -> str:
    """Return what all of them tell a model before it uses them."""
    return "\n".join(f"{server.name}: {server.instructions}" for server in servers)


def combine(name: str, servers: Sequence[ToolServer]) -> ToolServer:
    """Serve several servers from one process; their tools' names are unique by their prefix."""
    made = ToolServer(name, instructions=instructions(servers), tools=[tool for s in servers for tool in s.own_tools])
    return made.take(*servers)
