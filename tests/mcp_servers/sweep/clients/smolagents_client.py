"""smolagents' tools, which are called by code that waits: it hears of no progress and cancels nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from common import ASKED, Used, sweep
from mcp import StdioServerParameters
from smolagents import MCPClient


@asynccontextmanager
async def connect(transport: str) -> AsyncIterator[Used]:
    program, *arguments = ASKED["command"]
    stdio = StdioServerParameters(command=program, args=arguments, env=ASKED["env"])
    http = {"url": ASKED["url"], "transport": "streamable-http"}
    client = MCPClient(stdio if transport == "stdio" else http, structured_output=True)
    try:
        tools = {tool.name: tool for tool in client.get_tools()}

        async def names() -> list[str]:
            return list(tools)

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            return await asyncio.to_thread(lambda: tools[name](**arguments))

        yield Used(names, call, cancels=False)
    finally:
        client.disconnect()


sweep(connect, "smolagents", "mcpadapt", "mcp")
