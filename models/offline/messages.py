"""Between PydanticAI's messages and the plain turn that skills and guides work with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from pydantic import BaseModel
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters

from models.offline.skill import Call, Result, Turn


def read_turn(messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> Turn:
    """Read the last user prompt and every tool result after it; unknown kinds of parts are passed over."""
    request, results = "", list[Result]()
    asked: dict[str, tuple[ToolCallPart, int]] = {}
    step = -1
    for message in messages:
        if isinstance(message, ModelResponse):
            step += 1
            asked |= {call.tool_call_id: (call, step) for call in message.tool_calls}
        for part in cast("list[Any]", message.parts) if isinstance(message, ModelRequest) else []:
            if isinstance(part, UserPromptPart):
                request, results = part.content if isinstance(part.content, str) else _text(part.content), []
                step = -1
            elif isinstance(part, ToolReturnPart):
                ok = part.outcome == "success"
                results.append(_result(part.tool_name, _structured(part.content), asked.get(part.tool_call_id), ok=ok))
            elif part.part_kind == "retry-prompt" and part.tool_name:
                results.append(_result(part.tool_name, part.model_response(), asked.get(part.tool_call_id), ok=False))
    tools = parameters.function_tools
    return Turn(request, frozenset(tool.name for tool in tools), results, tools)


def write_parts(
    step: Sequence[Call] | BaseModel, turn: Turn, parameters: ModelRequestParameters
) -> list[ModelResponsePart]:
    """Write calls as tool calls, and an answer as the output tool's call or, where the output is text, as text."""
    if not isinstance(step, BaseModel):
        done = len(turn.results)
        return [
            ToolCallPart(
                call.tool,
                call.arguments,
                tool_call_id=f"call-{done + number}",
                provider_details={"votes": call.votes} if call.votes > 1 else None,
            )
            for number, call in enumerate(step, 1)
        ]
    if parameters.output_tools:
        tool = parameters.output_tools[0].name
        return [ToolCallPart(tool, step.model_dump(mode="json"), tool_call_id=f"output-{len(turn.results)}")]
    text = getattr(step, "text", None)
    return [TextPart(text if isinstance(text, str) else step.model_dump_json())]


def _result(tool: str, content: Any, asked: tuple[ToolCallPart, int] | None, *, ok: bool = True) -> Result:
    if asked is None:
        return Result(tool, content, ok)
    call, step = asked
    return Result(tool, content, ok, call.args_as_dict(), int((call.provider_details or {}).get("votes", 1)), step)


def _text(content: Sequence[Any]) -> str:
    return "\n".join(part for part in content if isinstance(part, str))


def _structured(content: Any) -> Any:
    if isinstance(content, BaseModel):
        return content.model_dump(mode="json")
    if isinstance(content, str) and content[:1] in "{[":
        try:
            return json.loads(content)
        except ValueError:
            return content
    return content
