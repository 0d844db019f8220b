"""One agent with every tool of the team: what the team is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from pydantic import BaseModel, Field
from pydantic_ai import Agent
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models import Model
from pydantic_ai.toolsets import AbstractToolset

from agents.role import DATA_RULE, Answer, Role
from agents.routing import assign, split
from agents.team import TEAM
from lyceum.sources import Claim
from models.offline.skill import Call, Result, Turn, question_of

DATABASE = "chinook"
SERVERS = ("basics", "course", "retrieval", "sql", "sandbox")
TABLE_WORDS = frozenset("track album artist customer genre invoice employee playlist sales country".split())
INSTRUCTIONS = f"""You answer every part of a request yourself, with your tools: sums with basics_calculate, what the
course teaches with course_search, tables with sql_schema and then sql_query on the database {DATABASE}.
When every part has its result, answer: one claim a part, which cites the id of the source that carries it.
{DATA_RULE}"""


class Found(Answer):
    claims: list[Claim] = Field(default_factory=list[Claim], description="One a part of the request, with citations.")


def generalist(
    model: Model,
    toolsets: Sequence[AbstractToolset[Any]] = (),
    capabilities: Sequence[AbstractCapability[Any]] = (),
) -> Agent[None, Found]:
    return Agent(
        model,
        name="generalist",
        output_type=Found,
        instructions=INSTRUCTIONS,
        toolsets=toolsets,
        capabilities=capabilities,
        retries=2,
    )


def offline(turn: Turn) -> Sequence[Call] | BaseModel:
    """Take one part after the other, each as the team's own agent for it would; what is known already is not asked."""
    left = list(turn.results)
    claims: list[Claim] = []
    declined: list[str] = []
    for part in split(question_of(turn.request)):
        role = TEAM[assign(part, TABLE_WORDS).role]
        request = f"Database: {DATABASE}\n\n{part}" if role.name == "sql" else part
        own: list[Result] = []
        while True:
            step = role.skill(replace(turn, request=request, results=own))
            if isinstance(step, BaseModel):
                break
            if len(left) < len(step):
                return step
            own, left = [*own, *left[: len(step)]], left[len(step) :]
        said = _claims(step, own)
        claims += said
        declined += [] if said else [str(getattr(step, "declined", "")) or "There is no answer."]
    return Found(claims=claims) if claims else Found(declined=" ".join(declined))


def _claims(answer: BaseModel, results: Sequence[Result]) -> list[Claim]:
    given = cast("list[Claim] | None", getattr(answer, "claims", None))
    if given is not None:
        return list(given)
    rows = [source for result in results if result.ok for source in result.sources if source.kind == "rows"]
    if not rows or getattr(answer, "declined", ""):
        return []
    told = "; ".join(" ".join(map(str, row)) for row in rows[-1].rows[:3])
    return [Claim(text=f"{getattr(answer, 'explanation', '')} {told}".strip(), citations=[rows[-1].id])]


ROLE = Role(
    name="generalist",
    description="Answers every part of a request alone, with every tool.",
    servers=SERVERS,
    output=Found,
    factory=generalist,
    skill=offline,
    guide=cast("Any", None),  # nothing leads it: a small model chooses its tools itself
)
