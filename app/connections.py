"""The tool servers of a process, each connected when it is first used: a question to one of them waits for no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from mcp import Client
from pydantic_ai import ModelRetry as AskModelAgain
from pydantic_ai import Tool
from pydantic_ai.toolsets import FunctionToolset

from lyceum.errors import ModelRetry, Unavailable, UserError, nearest
from lyceum.settings import Settings
from mcp_servers.catalogue import cards, make
from mcp_servers.peers import call_tool
from mcp_servers.services import Services
from models.providers import shown


class ConnectedTools:
    """In process by default, or at the URL that settings name; usable inside `connected` only."""

    def __init__(self, settings: Settings, services: Services) -> None:
        self._servers = list(cards())
        for server, where in settings.tools.items():
            _check(server, where, self._servers)
        self._settings = settings
        self._services = services
        self._clients: dict[str, asyncio.Future[Client]] = {}
        self._sessions: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()

    def servers(self) -> Sequence[str]:
        return self._servers

    async def toolset(self, server: str) -> FunctionToolset[Any]:
        """Return the server's tools as functions that call it over MCP.

        PydanticAI's own `MCPToolset` does the same and costs 0.9 s to import; see docs/decisions/0002.
        """
        client = await self._client(server)
        tools: list[Tool[Any]] = []
        for definition in (await client.list_tools()).tools:
            tool: Tool[Any] = Tool.from_schema(
                self._caller(server, definition.name),
                name=definition.name,
                description=definition.description,
                json_schema=definition.input_schema,
            )
            hints = definition.annotations
            tool.metadata = {"annotations": hints.model_dump() if hints else {}}
            tools.append(tool)
        return FunctionToolset(tools, id=server)

    async def call(self, server: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return await call_tool(await self._client(server), tool, arguments)

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[None]:
        """Keep what is connected until the block ends."""
        try:
            yield
        finally:
            self._over.set()
            await asyncio.gather(*self._sessions)

    async def _client(self, server: str) -> Client:
        if server not in self._clients:
            if server not in self._servers:
                known = nearest(server, self._servers, what="servers")
                raise UserError(f"There is no tool server {server!r}.", next_step=known)
            promised = self._clients[server] = asyncio.get_running_loop().create_future()
            session = asyncio.create_task(self._session(server, promised), name=f"tool server {server}")
            self._sessions.add(session)
            session.add_done_callback(self._sessions.discard)
        return await asyncio.shield(self._clients[server])

    async def _session(self, server: str, promised: asyncio.Future[Client]) -> None:
        """Hold one connection in a task of its own, which opens and closes it: its next use opens a lost one again."""
        where = self._settings.tools.get(server, "inprocess")
        try:
            async with Client(
                make(server, self._settings, self._services) if where == "inprocess" else where
            ) as client:
                promised.set_result(client)
                await self._over.wait()
        except Exception as error:  # noqa: BLE001 - it belongs to whoever wanted the server
            if promised.done():
                return
            promised.set_exception(
                error
                if where == "inprocess"
                else Unavailable(
                    f"The tool server {server} does not answer at {shown(where)} ({type(error).__name__}).",
                    next_step=f"Start it there, or take tools.{server} out of the settings.",
                )
            )
        finally:
            self._clients.pop(server, None)

    def _caller(self, server: str, tool: str) -> Callable[..., Any]:
        async def call(**arguments: Any) -> dict[str, Any]:
            try:
                return await self.call(server, tool, arguments)
            except ModelRetry as error:
                raise AskModelAgain(error.message) from None

        return call


def _check(server: str, where: str, servers: Sequence[str]) -> None:
    if server not in servers:
        raise UserError(f"tools.{server} names no tool server.", next_step=nearest(server, servers, what="servers"))
    if where != "inprocess" and not where.startswith(("http://", "https://")):
        raise UserError(
            f"tools.{server} is {where!r}.",
            next_step=nearest(where, ("inprocess", "http://host:port/mcp"), what="places"),
        )
