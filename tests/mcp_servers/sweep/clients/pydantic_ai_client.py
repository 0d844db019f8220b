"""PydanticAI's toolset."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from common import ASKED, Used, sweep
from fastmcp.client.transports import StdioTransport
from pydantic_ai.mcp import MCPToolset


@asynccontextmanager
async def connect(transport: str) -> AsyncIterator[Used]:
    program, *arguments = ASKED["command"]
    told: list[Any] = []

    async def hear(*progress: Any) -> None:
        told.append(progress)

    target: Any = StdioTransport(program, arguments, env=ASKED["env"]) if transport == "stdio" else ASKED["url"]
    async with MCPToolset(target, progress_handler=hear) as toolset:

        async def names() -> list[str]:
            return [tool.name for tool in await toolset.list_tools()]

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            return await toolset.direct_call_tool(name, arguments)

        yield Used(names, call, told)


sweep(connect, "pydantic-ai-slim", "mcp")
