"""A model before every tool there is, ours and others: the one call it would make, which is not made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic_ai.messages import ModelRequest, ToolCallPart, UserPromptPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import FunctionToolset

from evals.suite import Outcome
from evals.trajectory import Step, Trajectory

if TYPE_CHECKING:
    from app.wiring import App

INSTRUCTIONS = "Call the one tool whose description fits the request best, with arguments taken from the request."


async def own_tools(app: App) -> list[ToolDefinition]:
    """Return the definitions of all tools of our servers."""
    found: list[ToolDefinition] = []
    for server in app.runtime.tools.servers():
        toolset = await app.runtime.tools.toolset(server)
        if isinstance(toolset, FunctionToolset):
            found += [tool.tool_def for tool in toolset.tools.values()]
    return found


async def choose(app: App, request: str, tools: Sequence[ToolDefinition]) -> Outcome:
    """Ask the default model once; the trajectory holds the call, if it is one."""
    begun = time.perf_counter()
    asked = ModelRequest(parts=[UserPromptPart(request)], instructions=INSTRUCTIONS)
    parameters = ModelRequestParameters(function_tools=list(tools), allow_text_output=False)
    response = await app.runtime.models.get().request([asked], None, parameters)
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    steps = [Step(kind="tool", tool=call.tool_name, arguments=call.args_as_dict()) for call in calls]
    seconds = time.perf_counter() - begun
    return Outcome(
        answer=response.text or "",
        declined=not calls,
        seconds=seconds,
        tokens=response.usage.total_tokens,
        trajectory=Trajectory(input=request, steps=steps, declined=not calls, seconds=seconds),
    )
