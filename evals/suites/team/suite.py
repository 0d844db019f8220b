"""Requests with several parts: planned, given to the right agents at the same time, and reviewed at the end."""

from __future__ import annotations

from pathlib import Path

from evals.outcomes import beside
from evals.suite import Case, FrontDoor, Outcome, Suite, load_cases
from evals.suites.arms import score_arms


async def answer(front_door: FrontDoor, case: Case) -> Outcome:
    return await front_door.ask(case.input)


def suite() -> Suite:
    cases = load_cases(Path(__file__).with_name("cases.yaml"))
    return Suite("team", __doc__ or "", cases, answer, (*beside("side_by_side"), score_arms))
