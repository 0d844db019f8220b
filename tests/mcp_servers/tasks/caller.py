"""A client of the stateless revision, as plain as its wire: one request a call, in process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx2

from mcp_servers.http import http_app
from mcp_servers.server import ToolServer

PORT = 8765
TASKS = "io.modelcontextprotocol/tasks"
_NAMED = {"tools/call": "name", "resources/read": "uri", "prompts/get": "name"}


class Caller:
    """`tasks`: whether it says that it knows the Tasks extension."""

    def __init__(self, http: httpx2.AsyncClient, *, tasks: bool = True) -> None:
        self._http = http
        self._ids = itertools.count(1)
        self._can: dict[str, Any] = {"elicitation": {}, **({"extensions": {TASKS: {}}} if tasks else {})}

    def without_tasks(self) -> Caller:
        return Caller(self._http, tasks=False)

    async def __call__(self, method: str, headers: dict[str, str] | None = None, **params: Any) -> dict[str, Any]:
        """Return the whole JSON-RPC answer."""
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": self._can,
        }
        sent = {
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": method,
            "Accept": "application/json, text/event-stream",
        }
        key = _NAMED.get(method, "taskId" if method.startswith("tasks/") else "")
        if key:
            sent["Mcp-Name"] = str(params[key])
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": {**params, "_meta": meta}}
        answer = await self._http.post("/mcp", json=body, headers={**sent, **(headers or {})})
        if answer.headers["content-type"].startswith("text/event-stream"):
            last = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")][-1]
            return json.loads(last)
        return answer.json()

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return (await self("tools/call", name=tool, arguments=arguments))["result"]

    async def task(self, task: str) -> dict[str, Any]:
        return (await self("tasks/get", taskId=task))["result"]

    async def until(self, task: str, *states: str, seconds: float = 10) -> dict[str, Any]:
        """Follow a task until it is in one of these states."""
        async with asyncio.timeout(seconds):
            while True:
                found = await self.task(task)
                if found["status"] in states:
                    return found
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def calling(server: ToolServer) -> AsyncGenerator[Caller]:
    app = http_app(server, PORT)
    async with (
        server.session_manager.run(),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=f"http://127.0.0.1:{PORT}") as http,
    ):
        yield Caller(http)
