"""Tools that take long, ask while they work, or fail in either way: what the Tasks extension is tried with."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, InputRequiredResult
from pydantic import BaseModel, Field

from mcp_servers.conformance.asking import NAME, accepted, form, question
from mcp_servers.server import ToolServer
from mcp_servers.tasks.calls import ask

_MOMENT = 0.3  # seconds: longer than what is answered at once
_YES: dict[str, Any] = {
    "type": "object",
    "properties": {"confirm": {"type": "boolean"}, "name": {"type": "string"}},
    "required": ["confirm"],
}


class Said(BaseModel):
    text: str


def add_jobs(server: ToolServer) -> None:
    @server.tool(description="Greets.")
    async def greet(name: str) -> str:
        return f"Hello, {name}!"

    @server.expose(title="Sleep", effect="run", task="optional")
    async def slow_compute(
        context: Context[Any, Any],
        seconds: Annotated[float, Field(description="How long it takes.", ge=0, le=600)] = 1,
        label: Annotated[str, Field(description="Any text.", max_length=200)] = "",
    ) -> Said:
        """Sleep for a number of seconds, with progress, then say so."""
        for second in range(int(seconds)):
            await context.report_progress(second, seconds)
            await asyncio.sleep(1)
        await asyncio.sleep(seconds % 1)
        return Said(text=f"Slept for {seconds:g} s. {label}".strip())

    @server.expose(title="Fail", effect="run", task="required")
    async def failing_job() -> Said:
        """Fail after a second, as a tool fails."""
        await asyncio.sleep(1)
        raise ToolError("This job intentionally fails.")

    @server.expose(title="Fail at the protocol", effect="run", task="optional")
    async def protocol_error_job() -> Said:
        """Fail after a moment, as the protocol fails."""
        await asyncio.sleep(_MOMENT)
        raise MCPError(code=INTERNAL_ERROR, message="This job intentionally fails at the protocol.")

    @server.expose(title="Ask, then act", effect="run", task="optional")
    async def confirm_delete(
        context: Context[Any, Any],
        filename: Annotated[str, Field(description="Any name; nothing is deleted.", max_length=200)],
    ) -> Said:
        """Ask whether to go on, in the middle of the work; nothing is deleted either way."""
        answer = await ask(context, f"Delete {filename}?", _YES)
        sure = answer.action == "accept" and (answer.content or {}).get("confirm") is True
        return Said(text=f"{filename}: {'deleted' if sure else 'kept'}")

    @server.expose(title="Ask two things at once", effect="run", task="optional")
    async def multi_input(context: Context[Any, Any]) -> Said:
        """Ask two questions at the same time and wait for both answers."""
        first, second = await asyncio.gather(ask(context, "First?", _YES), ask(context, "Second?", _YES))
        return Said(text=f"{first.action}, {second.action}")

    @server.expose(title="Ask first, then take long", effect="run", task="required")
    async def test_tool_with_task(context: Context[Any, Any]) -> Said | InputRequiredResult:
        """Ask for a name before the work begins, then work as a task."""
        name = accepted(context, "user_name", "name")
        if name is None:
            return question(user_name=form("What is your name?", name=NAME))
        await asyncio.sleep(_MOMENT)
        return Said(text=f"Hello, {name}!")
