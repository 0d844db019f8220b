"""The researcher: finds passages in course notes and attached documents and states what they say, with citations."""

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
from models.local.cite import PASSAGES, cite, supported
from models.local.think import Think
from models.offline.extract import extract
from models.offline.skill import Call, Turn, field_of, question_of

INSTRUCTIONS = f"""You answer questions from passages that your tools find.
Search first: attached collections (named above the question) with retrieval_search, otherwise course_search.
State two to four claims, one sentence each, and cite the id of the passage that carries each one.
{DATA_RULE}"""


class Findings(Answer):
    claims: list[Claim] = Field(default_factory=list[Claim], description="What the passages say, best first.")


def researcher(
    model: Model,
    toolsets: Sequence[AbstractToolset[Any]] = (),
    capabilities: Sequence[AbstractCapability[Any]] = (),
) -> Agent[None, Findings]:
    return Agent(
        model,
        name="researcher",
        output_type=Findings,
        instructions=INSTRUCTIONS,
        toolsets=toolsets,
        capabilities=capabilities,
        retries=2,
    )


def offline(turn: Turn) -> Sequence[Call] | BaseModel:
    """Search what is attached, else the course; quote the best sentences; decline when the search is not sure."""
    question = question_of(turn.request)
    if not turn.results:
        collections = [name for name in field_of(turn.request, "Collections").split(", ") if name]
        if collections:
            return [Call("retrieval_search", {"query": question, "collection": name}) for name in collections]
        return [Call("course_search", {"query": question})]
    sure = [result for result in turn.results if result.ok and result.content.get("confident")]
    claims = extract(
        question, [source for result in sure for source in result.sources[: result.content.get("leading")]]
    )
    if not claims:
        return Findings(declined="None of the sources I can read answers this.")
    return Findings(claims=claims)


async def guided(turn: Turn, think: Think) -> Sequence[Call] | BaseModel:
    """Search and decline as offline; then let the model say what the passages say, and keep what they support."""
    quoted = offline(turn)
    if not isinstance(quoted, Findings) or quoted.declined:
        return quoted
    passages = [source for result in turn.results if result.ok for source in result.sources][:PASSAGES]
    written = await cite(think, Findings, INSTRUCTIONS, question_of(turn.request), passages)
    claims = [claim for claim in written.claims if supported(claim, passages)] if written else []
    return Findings(claims=claims) if claims else quoted


ROLE = Role(
    name="researcher",
    description="Answers questions from course notes and attached documents, with citations.",
    servers=("course", "retrieval"),
    output=Findings,
    factory=researcher,
    skill=offline,
    guide=guided,
)
