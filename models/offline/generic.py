"""What the engine does for an agent without a skill: pick one tool by its description, fill its arguments, quote."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from pydantic import BaseModel
from pydantic_ai.tools import ToolDefinition

from models.offline.extract import extract
from models.offline.select import select
from models.offline.skill import Call, Turn


class Text(BaseModel):
    text: str


def fill(request: str, schema: dict[str, Any]) -> dict[str, Any] | None:
    """Fill required parameters from the request by type: choices, quoted text, numbers; None when one stays empty."""
    quoted = [a or b for a, b in re.findall(r'"([^"]+)"|`([^`]+)`', request)]
    numbers = re.findall(r"-?\d+(?:\.\d+)?", request)
    arguments: dict[str, Any] = {}
    required = cast("list[str]", schema.get("required", []))
    for name in required:
        wanted = cast("dict[str, Any]", schema.get("properties", {})).get(name, {})
        choices = [choice for choice in wanted.get("enum", []) if str(choice).lower() in request.lower()]
        kind = wanted.get("type")
        if "enum" in wanted:
            value = choices[0] if choices else None
        elif kind in ("integer", "number"):
            value = (int(float(numbers.pop(0))) if kind == "integer" else float(numbers.pop(0))) if numbers else None
        elif kind == "boolean":
            value = not re.search(r"\b(no|not|without|off)\b", request, re.IGNORECASE)
        elif kind == "string":
            value = quoted.pop(0) if quoted else request if len(required) == 1 else None
        else:
            value = None
        if value is None:
            return None
        arguments[name] = value
    return arguments


def answer_with_tools(turn: Turn, tools: Sequence[ToolDefinition]) -> Sequence[Call] | BaseModel:
    if turn.results:
        last = turn.results[-1]
        claims = extract(turn.request, last.sources)
        return Text(text=" ".join(claim.text for claim in claims) or str(last.content))
    tool = select(turn.request, tools)
    arguments = fill(turn.request, tool.parameters_json_schema) if tool else None
    if tool is None or arguments is None:
        return Text(text="The offline engine found no tool for this. See `lyceum models list`.")
    return [Call(tool.name, arguments)]
