"""LangChain's tools, made by langchain-mcp-adapters; its SDK tells the server nothing of a cancelled call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from common import ASKED, Used, sweep
from langchain_mcp_adapters.callbacks import Callbacks
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools


@asynccontextmanager
async def connect(transport: str) -> AsyncIterator[Used]:
    program, *arguments = ASKED["command"]
    told: list[Any] = []

    async def hear(*progress: Any) -> None:
        told.append(progress)

    stdio = {"transport": "stdio", "command": program, "args": arguments, "env": ASKED["env"]}
    http = {"transport": "streamable_http", "url": ASKED["url"]}
    client = MultiServerMCPClient({"lyceum": stdio if transport == "stdio" else http})
    async with client.session("lyceum") as session:
        tools = {tool.name: tool for tool in await load_mcp_tools(session, callbacks=Callbacks(on_progress=hear))}

        async def names() -> list[str]:
            return list(tools)

        async def call(name: str, arguments: dict[str, Any]) -> Any:
            return await tools[name].ainvoke(arguments)

        yield Used(names, call, told, cancels=False)


sweep(connect, "langchain-mcp-adapters", "langchain-core", "mcp")
