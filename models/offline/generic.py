"""What the engine does for an agent without a skill: pick one tool by its description, fill its arguments, quote."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel
from pydantic_ai.tools import ToolDefinition

from models.offline.arguments import fill
from models.offline.extract import extract
from models.offline.select import select
from models.offline.skill import Call, Turn


class Text(BaseModel):
    text: str


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
