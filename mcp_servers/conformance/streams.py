"""Tools that say something while they work: progress, log lines, changed lists, a stream that is cut and resumed."""

from __future__ import annotations

import asyncio
from typing import Any

from mcp.server.mcpserver import Context
from mcp_types import TextContent

from mcp_servers.log_lines import log_line
from mcp_servers.server import ToolServer

_PAUSE = 0.05  # seconds, long enough for a client to hear each message by itself


def add_streams(server: ToolServer) -> None:
    server.offer_log_lines()

    @server.tool(description="Sends three log lines.")
    async def test_tool_with_logging(context: Context[Any, Any]) -> TextContent:
        for line in ("Tool execution started", "Tool processing data", "Tool execution completed"):
            await log_line(context, "info", line)
            await asyncio.sleep(_PAUSE)
        return TextContent(type="text", text="Three log lines were sent.")

    @server.tool(description="Sends a log line where the request asked for log lines.")
    async def test_logging_tool(context: Context[Any, Any]) -> TextContent:
        await log_line(context, "info", "A log line.")
        return TextContent(type="text", text="Done.")

    @server.tool(description="Reports progress three times.")
    async def test_tool_with_progress(context: Context[Any, Any]) -> TextContent:
        for done in (0, 50, 100):
            await context.report_progress(done, 100)
            await asyncio.sleep(_PAUSE)
        return TextContent(type="text", text="Progress was reported.")

    @server.tool(description="Cuts the stream of its own call; the answer comes when the client is back.")
    async def test_reconnection(context: Context[Any, Any]) -> TextContent:
        await asyncio.sleep(_PAUSE)
        await context.close_sse_stream()
        await asyncio.sleep(4 * _PAUSE)
        return TextContent(type="text", text="The stream was resumed.")

    @server.tool(description="Says that the tools changed.")
    async def test_trigger_tool_change(context: Context[Any, Any]) -> TextContent:
        await context.notify_tools_changed()
        return TextContent(type="text", text="Said.")

    @server.tool(description="Says that the prompts changed.")
    async def test_trigger_prompt_change(context: Context[Any, Any]) -> TextContent:
        await context.notify_prompts_changed()
        return TextContent(type="text", text="Said.")
