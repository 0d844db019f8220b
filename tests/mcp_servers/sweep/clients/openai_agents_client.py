"""The servers of openai-agents, as its agents use them; they hear of no progress."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from common import ASKED, Used, sweep

from agents.mcp import MCPServerStdio, MCPServerStreamableHttp


@asynccontextmanager
async def connect(transport: str) -> AsyncIterator[Used]:
    program, *arguments = ASKED["command"]
    server: Any
    if transport == "stdio":
        server = MCPServerStdio(
            {"command": program, "args": arguments, "env": ASKED["env"]}, client_session_timeout_seconds=60
        )
    else:
        server = MCPServerStreamableHttp({"url": ASKED["url"]}, client_session_timeout_seconds=60)
    async with server:

        async def names() -> list[str]:
            return [tool.name for tool in await server.list_tools()]

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            return await server.call_tool(name, arguments)

        yield Used(names, call)


sweep(connect, "openai-agents", "mcp")
