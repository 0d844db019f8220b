"""What the engine does for an agent without a skill: pick one tool by its description, fill its arguments, quote."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel
from pydantic_ai.tools import ToolDefinition

from models.offline.arguments import fill
from models.offline.extract import extract
from models.offline.select import ranked
from models.offline.skill import Call, Turn


class Text(BaseModel):
    text: str


def answer_with_tools(turn: Turn, tools: Sequence[ToolDefinition]) -> Sequence[Call] | BaseModel:
    if turn.results:
        last = turn.results[-1]
        claims = extract(turn.request, last.sources)
        return Text(text=" ".join(claim.text for claim in claims) or str(last.content))
    call = call_for(turn.request, tools)
    return [call] if call else Text(text="The offline engine found no tool for this. See `lyceum models list`.")


def call_for(request: str, tools: Sequence[ToolDefinition], *, certain: bool = False) -> Call | None:
    """Return a call of the best fitting tool whose arguments can be read out of the request.

    `certain`: the request is for one of these tools, whether or not its words fit.
    """
    for tool in ranked(request, tools) or (tools if certain else ()):
        if (arguments := fill(request, tool.parameters_json_schema)) is not None:
            return Call(tool.name, arguments)
    return None
