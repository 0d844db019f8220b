"""The calculator: sums, units, dates and times, worked out by exact tools and quoted from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field
from pydantic_ai import Agent
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models import Model
from pydantic_ai.toolsets import AbstractToolset

from agents.role import DATA_RULE, Answer, Role
from lyceum.sources import Claim
from models.local.think import Think, fill
from models.offline.everyday import everyday_call
from models.offline.skill import Call, Result, Turn, question_of

INSTRUCTIONS = f"""You work out sums, units, dates, times, small tables, diffs, JSON and regular expressions with your
tools; never in your head. One call a step, in words as simple as the tool's examples. Then state each result as one
claim that cites the id of the source the tool gave with it.
{DATA_RULE}"""

_WRITE = (
    "Write the one arithmetic expression that answers the question, with numbers, + - * / ^ % ( ) and units such as "
    "kg or km/h; add `in UNIT` when a unit is asked for. Leave it empty when the question is not about a calculation."
)


class Worked(Answer):
    claims: list[Claim] = Field(default_factory=list[Claim], description="Results, each citing its tool's source.")


class Expression(BaseModel):
    expression: str = Field(description="The expression, or empty.", max_length=200)


def calculator(
    model: Model,
    toolsets: Sequence[AbstractToolset[Any]] = (),
    capabilities: Sequence[AbstractCapability[Any]] = (),
) -> Agent[None, Worked]:
    return Agent(
        model,
        name="calculator",
        output_type=Worked,
        instructions=INSTRUCTIONS,
        toolsets=toolsets,
        capabilities=capabilities,
        retries=2,
    )


def offline(turn: Turn) -> Sequence[Call] | BaseModel:
    """Make the one call that the request's shape asks for and quote what comes back; decline where it has none."""
    if turn.results:
        return _quoted(turn.results[-1])
    call = everyday_call(question_of(turn.request))
    if call is None:
        return Worked(declined="That is no sum, conversion or date question that I can read.")
    return [call]


async def guided(turn: Turn, think: Think) -> Sequence[Call] | BaseModel:
    """As offline where the words are plain; else let the model write the expression of a problem told in words."""
    question = question_of(turn.request)
    if turn.results or everyday_call(question) is not None:
        return offline(turn)
    written = await fill(think, Expression, _WRITE, question)
    if written is None or not written.expression.strip():
        return offline(turn)
    return [Call("basics_calculate", {"expression": written.expression})]


def _quoted(result: Result) -> Worked:
    if not result.ok or isinstance(result.content, str):
        return Worked(declined=str(result.content))
    content = result.content
    text = " ".join([content["text"], *(f"({note})" for note in content.get("notes", []))])
    return Worked(claims=[Claim(text=text, citations=[source.id for source in result.sources])])


ROLE = Role(
    name="calculator",
    description="Works out sums, units, dates and times exactly.",
    servers=("basics",),
    output=Worked,
    factory=calculator,
    skill=offline,
    guide=guided,
)
