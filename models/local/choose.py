"""How a small model chooses a tool: among the few that fit, or its own answer, in one object that its grammar holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from pydantic_ai.tools import ToolDefinition

from models.local.think import LONGEST, Think, compact, inlined
from models.offline.select import ranked
from models.offline.skill import Result, Turn

MOST_TOOLS = 4  # alternatives that a small model can tell apart
MOST_NAMED = 12  # tools that the prompt names whichever fit
RESULT_CHARACTERS = 2400


async def choose(
    turn: Turn,
    instructions: str,
    tools: Sequence[ToolDefinition],
    think: Think,
    *,
    answer: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return `{"tool", "arguments"}` or `{"answer"}`; without an `answer` schema it must choose a tool.

    `{"text"}` is what was written where that was cut off.
    """
    fitting = ranked(turn.request, tools, MOST_TOOLS, whatever=answer is None)
    choices = [_object(tool={"const": tool.name}, arguments=inlined(tool.parameters_json_schema)) for tool in fitting]
    if answer is not None:
        choices.append(_object(answer=answer))
    if not choices:
        return {}
    # A few tools are all named, whichever fit: the prefix stays the same from request to request, and in the cache.
    named = tools if len(tools) <= MOST_NAMED else fitting
    menu = f"\n\nTools:\n{_menu(named)}" if named else ""
    (text,) = await think(instructions + menu, _told(turn), schema=compact({"anyOf": choices}), max_tokens=LONGEST)
    try:
        return cast("dict[str, Any]", json.loads(text))
    except ValueError:
        return {"text": text}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _menu(tools: Sequence[ToolDefinition]) -> str:
    return "\n".join(
        f"- {tool.name}({', '.join(tool.parameters_json_schema.get('properties', {}))}): {tool.description or ''}"
        for tool in tools
    )


def _told(turn: Turn) -> str:
    """The request, then what tools have returned so far; the request stays first so that its prefix stays in cache."""
    lines = [f"{result.tool}({json.dumps(result.arguments)}) returned: {_shown(result)}" for result in turn.results]
    return "\n\n".join([turn.request, *lines])


def _shown(result: Result) -> str:
    text = result.content if isinstance(result.content, str) else json.dumps(result.content, ensure_ascii=False)
    return text[:RESULT_CHARACTERS]
