"""The planner: cuts a request into steps, names who takes each one and what it needs from others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field
from pydantic_ai import Agent
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models import Model
from pydantic_ai.toolsets import AbstractToolset

from agents.role import DATA_RULE, Role
from agents.routing import Worker, assign, split
from models.local.think import Think, fill
from models.offline.skill import Call, Turn, content_words, field_of, question_of

INSTRUCTIONS = f"""You plan work for a team: researcher (course notes and attached documents), sql (questions about
tables), coder (Python), calculator (sums, units, dates), tutor (teaching), reviewer (work that the request states).
Cut the request into the fewest steps that each have one answer, at most six.
Each step's task is a complete question in its own right. `needs` lists ids of steps whose answers it needs; steps
without needs run at the same time.
{DATA_RULE}"""

EXTRA = 0.25  # new content words a plan may add, as a share of the request's


class PlanStep(BaseModel):
    id: str = Field(description="Short id: s1, s2, ...")
    role: Worker = Field(description="Who takes the step.")
    task: str = Field(description="A complete question or instruction.", max_length=4000)
    needs: list[str] = Field(default_factory=list[str], description="Ids of steps whose answers it needs.")


class Plan(BaseModel):
    steps: list[PlanStep] = Field(min_length=1, max_length=6)


def planner(
    model: Model,
    toolsets: Sequence[AbstractToolset[Any]] = (),
    capabilities: Sequence[AbstractCapability[Any]] = (),
) -> Agent[None, Plan]:
    return Agent(
        model,
        name="planner",
        output_type=Plan,
        instructions=INSTRUCTIONS,
        toolsets=toolsets,
        capabilities=capabilities,
        retries=2,
    )


def offline(turn: Turn) -> Sequence[Call] | BaseModel:
    """One step a question in the request, each with the role that its words point to."""
    vocabulary = _vocabulary(turn)
    parts = split(question_of(turn.request))[:6]
    return Plan(
        steps=[
            PlanStep(id=f"s{number}", role=assign(part, vocabulary).role, task=part)
            for number, part in enumerate(parts, 1)
        ]
    )


async def guided(turn: Turn, think: Think) -> Sequence[Call] | BaseModel:
    """Let the model cut the request; its plan is kept when it asks for all that the request asks for, and no more.

    The reviewer gets only what asks for a review: a small model sends it any question.
    """
    request = question_of(turn.request)
    plan = await fill(think, Plan, INSTRUCTIONS, request)
    if plan is None or not _covers(plan, request):
        return offline(turn)
    vocabulary = _vocabulary(turn)
    return Plan(steps=[step.model_copy(update={"role": _taker(step, vocabulary)}) for step in plan.steps])


def _vocabulary(turn: Turn) -> frozenset[str]:
    return frozenset(field_of(turn.request, "Table words").split())


def _taker(step: PlanStep, vocabulary: frozenset[str]) -> Worker:
    return assign(step.task, vocabulary).role if step.role == "reviewer" else step.role


def _covers(plan: Plan, request: str) -> bool:
    asked, planned = set(content_words(request)), set(content_words(" ".join(step.task for step in plan.steps)))
    ids = [step.id for step in plan.steps]
    known = all(need in ids[:place] for place, step in enumerate(plan.steps) for need in step.needs)
    return len(set(ids)) == len(ids) and known and asked <= planned and len(planned - asked) <= len(asked) * EXTRA


ROLE = Role(
    name="planner",
    description="Cuts a request into steps for the team.",
    servers=(),
    output=Plan,
    factory=planner,
    skill=offline,
    guide=guided,
)
