"""LlamaIndex's tools, made by llama-index-tools-mcp; the client opens a connection for each call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from common import ASKED, Used, sweep
from llama_index.tools.mcp import BasicMCPClient, McpToolSpec


@asynccontextmanager
async def connect(transport: str) -> AsyncIterator[Used]:
    program, *arguments = ASKED["command"]
    told: list[Any] = []

    async def hear(*progress: Any) -> None:
        told.append(progress)

    if transport == "stdio":
        client = BasicMCPClient(program, args=arguments, env=ASKED["env"])
    else:
        client = BasicMCPClient(ASKED["url"])
    tools = {tool.metadata.name: tool for tool in await McpToolSpec(client=client).to_tool_list_async()}

    async def names() -> list[str]:
        return [str(name) for name in tools]

    async def call(name: str, arguments: dict[str, Any]) -> Any:
        if name in ("retrieval_ingest", ASKED["stuck"][0]):  # its tools pass no progress on, its client does
            return await client.call_tool(name, arguments, progress_callback=hear)
        return await tools[name].acall(**arguments)

    yield Used(names, call, told)


sweep(connect, "llama-index-tools-mcp", "llama-index-core", "mcp")
