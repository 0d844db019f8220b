"""The tutor: explains a topic from the course notes, gives an example and asks a question back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field
from pydantic_ai import Agent
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models import Model
from pydantic_ai.toolsets import AbstractToolset

from agents.role import DATA_RULE, Answer, Role
from lyceum.sources import Claim, Source
from models.local.cite import PASSAGES, cite, supported
from models.local.think import Think
from models.offline.extract import sentences
from models.offline.skill import Call, Turn, question_of

INSTRUCTIONS = f"""You teach one topic to a learner. Search the course notes first (course_search).
Explain in a few plain sentences, give one worked example with numbers, then ask one question that checks understanding.
Cite the ids of the passages you used.
{DATA_RULE}"""

_ASKING = re.compile(
    r"^\s*(?:please\s+)?(?:can you\s+)?(?:teach|tutor)(?:\s+me)?(?:\s+about)?\s+"
    r"|^\s*(?:give me\s+)?a?\s*lesson (?:on|about)\s+"
    r"|^\s*(?:help me (?:learn|understand)|i want to learn(?: about)?|quiz me on)\s+",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d")


class Lesson(Answer):
    explanation: str = Field(default="", description="Three to five plain sentences.")
    example: str = Field(default="", description="One worked example, with numbers where the topic has any.")
    check_question: str = Field(default="", description="One question whose answer shows understanding.")
    citations: list[str] = Field(default_factory=list[str], description="Ids of the passages used.")


def tutor(
    model: Model,
    toolsets: Sequence[AbstractToolset[Any]] = (),
    capabilities: Sequence[AbstractCapability[Any]] = (),
) -> Agent[None, Lesson]:
    return Agent(
        model,
        name="tutor",
        output_type=Lesson,
        instructions=INSTRUCTIONS,
        toolsets=toolsets,
        capabilities=capabilities,
        retries=2,
    )


def offline(turn: Turn) -> Sequence[Call] | BaseModel:
    """Explain with the section's first sentences, illustrate with its most numerical one, ask for a definition back."""
    topic = _ASKING.sub("", question_of(turn.request)).strip(" .?!")
    if not turn.results:
        return [Call("course_search", {"query": topic})]
    last = turn.results[-1]
    if not last.ok or not last.content.get("confident"):
        return Lesson(declined="The course notes do not cover this topic.")
    passages = [source for source in last.sources if sentences(source.text)][:3]
    lead = sentences(passages[0].text)
    example, origin = _most_numerical(passages, lead[:2])
    used = [passages[0].id] if origin in (None, passages[0]) else [passages[0].id, origin.id]
    subject = topic if len(topic) < 60 else passages[0].title
    return Lesson(
        explanation=" ".join(lead[:3]),
        example=example,
        check_question=f"In your own words: what problem does {subject} solve, and what does it cost?",
        citations=used,
    )


def _most_numerical(passages: Sequence[Source], said: Sequence[str]) -> tuple[str, Source | None]:
    lines = [(line, source) for source in passages for line in sentences(source.text) if line not in said]
    best = max(lines, key=lambda pair: len(_NUMBER.findall(pair[0])), default=("", None))
    return best if _NUMBER.search(best[0]) else ("", None)


async def guided(turn: Turn, think: Think) -> Sequence[Call] | BaseModel:
    """Find passages and decline as offline; then let the model explain them, and keep a lesson that they support."""
    quoted = offline(turn)
    if not isinstance(quoted, Lesson) or quoted.declined:
        return quoted
    passages = turn.results[-1].sources[:PASSAGES]
    written = await cite(think, Lesson, INSTRUCTIONS, question_of(turn.request), passages)
    if written is None or not written.check_question:
        return quoted
    told = Claim(text=f"{written.explanation} {written.example}", citations=written.citations)
    return written if written.explanation and supported(told, passages) else quoted


ROLE = Role(
    name="tutor",
    description="Teaches a topic of the course: explanation, example and a check question.",
    servers=("course",),
    output=Lesson,
    factory=tutor,
    skill=offline,
    guide=guided,
)
