"""FastMCP's client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from common import ASKED, Used, sweep
from fastmcp import Client
from fastmcp.client.transports import StdioTransport


@asynccontextmanager
async def connect(transport: str) -> AsyncIterator[Used]:
    program, *arguments = ASKED["command"]
    told: list[Any] = []

    async def hear(*progress: Any) -> None:
        told.append(progress)

    target: Any = StdioTransport(program, arguments, env=ASKED["env"]) if transport == "stdio" else ASKED["url"]
    async with Client(target) as client:

        async def names() -> list[str]:
            return [tool.name for tool in await client.list_tools()]

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            return (await client.call_tool(name, arguments, progress_handler=hear)).structured_content

        yield Used(names, call, told)


sweep(connect, "fastmcp", "mcp")
