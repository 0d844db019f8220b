"""The official Python SDK; its first argument is the era."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from common import ASKED, Used, sweep
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client


@asynccontextmanager
async def connect(transport: str) -> AsyncIterator[Used]:
    program, *arguments = ASKED["command"]
    parameters = StdioServerParameters(command=program, args=arguments, env=ASKED["env"])
    told: list[Any] = []

    async def hear(*progress: Any) -> None:
        told.append(progress)

    target: Any = stdio_client(parameters) if transport == "stdio" else ASKED["url"]
    async with Client(target, mode=sys.argv[1]) as client:

        async def names() -> list[str]:
            return [tool.name for tool in (await client.list_tools()).tools]

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            return (await client.call_tool(name, arguments, progress_callback=hear)).structured_content

        yield Used(names, call, told, protocol=str(client.protocol_version))


sweep(connect, "mcp")
