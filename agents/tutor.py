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
from lyceum.sources import Claim
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
_NUMBER = re.compile(r"\d[\d,.]*")
_EXAMPLE = re.compile(r"\b(?:for example|for instance|worked|such as)\b.*\d", re.IGNORECASE)
EXPLAINED = 3  # sentences


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
    """Explain with a section's first sentences, illustrate from what follows them, ask what the section answers."""
    topic = _ASKING.sub("", question_of(turn.request)).strip(" .?!")
    if not turn.results:
        return [Call("course_search", {"query": topic})]
    last = turn.results[-1]
    if not last.ok or not last.content.get("confident"):
        return Lesson(declined="The course notes do not cover this topic.")
    passages = last.sources[: last.content.get("leading")]
    passage = max(passages, key=lambda source: len(sentences(source.text)) > EXPLAINED)  # rather a section than a term
    lines = sentences(passage.text)
    asked = [each for each in last.content.get("questions", {}).get(passage.id, []) if each.endswith("?")]
    return Lesson(
        explanation=" ".join(lines[:EXPLAINED]),
        example=_example(lines[EXPLAINED:]),
        check_question=asked[0] if asked else f"In your own words: what is {topic}, and what is it used for?",
        citations=[passage.id],
    )


def _example(lines: Sequence[str]) -> str:
    """Return the sentence that works an example, else the one with the most numbers, else the next one."""
    return max(lines, key=lambda line: (bool(_EXAMPLE.search(line)), len(_NUMBER.findall(line))), default="")


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
