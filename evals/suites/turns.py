"""Conversations as cases: what is said turn by turn, and what each answer must be.

`expected.turns` is a list of {say, expected, agent, approve, plan, new, remember}; `new: true` begins another
conversation, in which only the memory knows what was said before, and not even the memory where it begins with
`remember: false`. Each turn's `expected` is read by the scorers of `evals/outcomes.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict

from evals.outcomes import SCORERS
from evals.suite import Case, Outcome, Product, Score, Talk, score
from evals.trajectory import Step, Trajectory


class Turn(BaseModel):
    """One thing that is said; `new` begins another conversation before it, which `remember` false keeps to itself."""

    model_config = ConfigDict(extra="forbid")

    say: str
    expected: dict[str, Any] = {}
    agent: str | None = None
    approve: list[str] = []
    plan: bool | None = None
    new: bool = False
    remember: bool = True


def turns_of(case: Case) -> list[Turn]:
    """Return the turns of a case; a case without any is one turn: its input."""
    given = case.expected.get("turns")
    if given is None:
        return [Turn(say=case.input, expected=dict(case.expected))]
    return [Turn.model_validate(each) for each in cast("list[Any]", given)]


def last_turn(case: Case) -> Case:
    """Return a conversation's last turn as a case: what one recorded run of it is judged by."""
    if "turns" not in case.expected:
        return case
    last = turns_of(case)[-1]
    return case.model_copy(update={"input": last.say, "expected": last.expected})


async def hold(product: Product, case: Case, *, attach: Sequence[Path] = (), remember: bool = False) -> Outcome:
    """Say everything, in a home of its own where things are remembered, and return the outcomes as one."""
    if remember:
        async with product.apart() as alone:
            return await converse(alone, case, attach, remember=True)
    return await converse(product, case, attach, remember=False)


async def converse(product: Product, case: Case, attach: Sequence[Path], *, remember: bool) -> Outcome:
    """Say everything in the home that is given, and return the outcomes as one."""
    talk: Talk | None = None
    said: list[Outcome] = []
    for turn in turns_of(case):
        if talk is None or turn.new:
            talk = await product.talk(attach=attach, remember=remember and turn.remember)
        outcome = await talk.ask(turn.say, agent=turn.agent, approve=turn.approve, plan=turn.plan)
        said.append(outcome)
        if outcome.error is not None:
            break
    return as_one(said)


def as_one(said: Sequence[Outcome]) -> Outcome:
    """Return the outcomes of a conversation as one: the last answer, every step, the sums of what it took."""
    steps: list[Step] = []
    for number, outcome in enumerate(said, 1):
        for step in (outcome.trajectory or Trajectory()).steps:
            group = f"t{number}.{step.group}" if step.group else ""
            steps.append(step.model_copy(update={"group": group, "labels": {**step.labels, "turn": str(number)}}))
    last = said[-1]
    seconds = sum((outcome.trajectory or Trajectory()).seconds for outcome in said)
    return Outcome(
        answer=last.answer,
        output={"turns": [outcome.model_dump(mode="json") for outcome in said]},
        declined=last.declined,
        error=last.error,
        tokens=sum(outcome.tokens for outcome in said),
        trajectory=Trajectory(case="", answer=last.answer, declined=last.declined, seconds=seconds, steps=steps),
    )


def heard(outcome: Outcome) -> list[Outcome]:
    """Return the outcomes, one a turn, that `as_one` made one of."""
    held = cast("dict[str, Any]", outcome.output or {})
    return [Outcome.model_validate(each) for each in held.get("turns", [])]


def score_turns(case: Case, outcome: Outcome) -> Score:
    """Judge every turn by what is expected of it; the first that is wrong is the reason."""
    turns, answers = turns_of(case), heard(outcome)
    if len(answers) != len(turns):
        raise ValueError(f"{len(answers)} answers to {len(turns)} turns")
    worst: Score | None = None
    for number, (turn, answer) in enumerate(zip(turns, answers, strict=True), 1):
        if not turn.expected:
            continue
        given = Case(id=f"{case.id}, turn {number}", input=turn.say, expected=turn.expected)
        for each in score(SCORERS, given, answer):
            if each.verdict != "right":
                told = each.model_copy(update={"reason": f"turn {number} ({turn.say[:40]!r}): {each.reason}"})
                worst = worst or told
    return worst or Score(scorer="turns", value=1.0, verdict="right")
