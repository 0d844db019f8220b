"""Requests with several parts: planned, given to the right agents at the same time, and reviewed at the end."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from evals.outcomes import SCORERS
from evals.suite import Case, FrontDoor, Outcome, Score, Suite, load_cases
from evals.suites.arms import side_by_side


async def answer(front_door: FrontDoor, case: Case) -> Outcome:
    return await front_door.ask(case.input)


def score_arms(case: Case, outcome: Outcome) -> Score | None:
    """Demand that at least `expected.side_by_side` steps began together, none waiting for another."""
    wanted = cast("int | None", case.expected.get("side_by_side"))
    if wanted is None:
        return None
    found = side_by_side(outcome)
    right = found >= wanted
    reason = "" if right else f"expected {wanted} steps side by side, {found} were"
    return Score(scorer="arms", value=float(right), verdict="right" if right else "wrong", reason=reason)


def check_others(case: Case, outcome: Outcome) -> None:
    """Let the common check see the common keys only."""
    rest = {key: value for key, value in case.expected.items() if key != "side_by_side"}
    SCORERS[0](case.model_copy(update={"expected": rest}), outcome)


def suite() -> Suite:
    cases = load_cases(Path(__file__).with_name("cases.yaml"))
    return Suite("team", __doc__ or "", cases, answer, (check_others, *SCORERS[1:], score_arms))
