"""The reviewer: checks the steps of a piece of work against their evidence and rejects what does not hold.

Work comes as JSON from a flow, or in a person's own words: then its sums are worked out again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field
from pydantic_ai import Agent
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models import Model
from pydantic_ai.toolsets import AbstractToolset

from agents.role import DATA_RULE, Answer, Role
from agents.routing import ASKS_REVIEW
from models.checks.arithmetic import Equation, equations
from models.local.think import Think, fill
from models.offline.skill import Call, Turn, content_words, question_of

INSTRUCTIONS = f"""You review work. You get JSON: the request, and for each step its task, answer and evidence.
Reject a step whose answer its evidence does not support, that contradicts another step, that failed, or that answers
another question than its task. Name the step and the reason in one sentence. Approve the rest without praise.
{DATA_RULE}"""

_LOOK = "You check one answer. Say in one short sentence whether it answers its task and its evidence supports it."

# What begins a step in a person's words: "Step 2:", "3.", "- ", or a new line.
_STEP = re.compile(r"(?:^|\s)step\s+\w+\s*[:.)-]\s*|^\s*(?:\d+[.)]|[-*•])\s+|\n+", re.IGNORECASE | re.MULTILINE)
_ASKED = re.compile(rf"{ASKS_REVIEW}[^:\n]*[:\n]", re.IGNORECASE)
_NOTHING = "There is no sum in it that I can work out again, and no evidence beside it that I could check it against."

_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?![\w])")
SUPPORTED = 0.5  # share of a claim's content words that its evidence must carry


class Issue(BaseModel):
    step: str = Field(description="Id of the step.")
    reason: str = Field(description="What is wrong with it, in one sentence.")


class Review(Answer):
    verdict: Literal["approve", "reject"] = Field(description="reject when any step does not hold.")
    issues: list[Issue] = Field(default_factory=list[Issue])


class StepEvidence(BaseModel):
    """What the reviewer is shown of a step: the evidence is the text or rows that its answer rests on."""

    id: str
    task: str
    answer: str
    evidence: str = ""
    failed: str = ""


class Work(BaseModel):
    request: str
    steps: list[StepEvidence]


def reviewer(
    model: Model,
    toolsets: Sequence[AbstractToolset[Any]] = (),
    capabilities: Sequence[AbstractCapability[Any]] = (),
) -> Agent[None, Review]:
    return Agent(
        model,
        name="reviewer",
        output_type=Review,
        instructions=INSTRUCTIONS,
        toolsets=toolsets,
        capabilities=capabilities,
        retries=2,
    )


def offline(turn: Turn) -> Sequence[Call] | BaseModel:
    """Reject steps that failed, whose sums are wrong, or whose numbers or words are not in their evidence."""
    work = _work_in(turn)
    return _review_words(question_of(turn.request)) if work is None else _check(work)


def _work_in(turn: Turn) -> Work | None:
    """Return the work that a flow hands over as JSON; None where a person states it in words."""
    try:
        return Work.model_validate_json(question_of(turn.request))
    except ValueError:
        return None


def _check(work: Work) -> Review:
    issues = [Issue(step=step.id, reason=reason) for step in work.steps if (reason := _wrong_with(step))]
    return Review(verdict="reject" if issues else "approve", issues=issues)


def _review_words(text: str) -> Review:
    """Review work that somebody states in words: the steps are numbered in the order in which they stand."""
    steps = [step.strip() for step in _STEP.split(_ASKED.sub("", text, count=1)) if step and step.strip()]
    stated = [(f"s{place}", sum_) for place, step in enumerate(steps, 1) for sum_ in equations(step)]
    if not any(sum_.holds is not None for _, sum_ in stated):
        return Review(verdict="reject", declined=_NOTHING)
    issues = [Issue(step=step, reason=_corrected(sum_)) for step, sum_ in stated if sum_.holds is False]
    return Review(verdict="reject" if issues else "approve", issues=issues)


def _corrected(stated: Equation) -> str:
    return stated.wrong or f"{stated.left} is not {stated.right}."


def _wrong_with(step: StepEvidence) -> str:
    if step.failed:
        return f"The step failed: {step.failed}"
    if not step.answer.strip():
        return "The step gives no answer."
    held = {_plain(number) for number in _NUMBER.findall(step.evidence + " " + step.task)}
    slips = [sum_ for sum_ in equations(step.answer) if sum_.holds is False and sum_.left not in step.evidence]
    if slips:
        return _corrected(slips[0])
    missing = [number for number in _NUMBER.findall(step.answer) if _plain(number) not in held]
    if missing:
        return f"{missing[0]} is not in the evidence."
    said, shown = set(content_words(step.answer)), set(content_words(step.evidence + " " + step.task))
    if said and len(said & shown) / len(said) < SUPPORTED:
        return "Most of the answer is not in the evidence."
    return ""


def _plain(number: str) -> str:
    return number.replace(",", "").rstrip("0").rstrip(".") if "." in number else number.replace(",", "")


async def guided(turn: Turn, think: Think) -> Sequence[Call] | BaseModel:
    """Check as offline, which a small model does not do better; it looks at answers that leave a word of the task out.

    Asked about answers that carry every word of their task, the 1.5B model objected to right ones.
    """
    work = _work_in(turn)
    if work is None:
        return offline(turn)
    checked = _check(work)
    if checked.verdict == "reject":
        return checked
    issues: list[Issue] = []
    for step in work.steps:
        if set(content_words(step.task)) <= set(content_words(step.answer)):
            continue
        looked = await fill(think, Look, _LOOK, f"Task: {step.task}\nEvidence: {step.evidence}\nAnswer: {step.answer}")
        if looked is not None and not looked.answers_task:
            issues.append(Issue(step=step.id, reason=looked.reason))
    return Review(verdict="reject" if issues else "approve", issues=issues)


class Look(BaseModel):
    reason: str = Field(description="One short sentence.", max_length=200)
    answers_task: bool = Field(description="Whether the answer answers the task and its evidence supports it.")


ROLE = Role(
    name="reviewer",
    description="Checks finished steps against their evidence.",
    servers=(),
    output=Review,
    factory=reviewer,
    skill=offline,
    guide=guided,
)
