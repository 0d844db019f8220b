"""Which tools are called, of which server, with what, in what order: single requests to each server an agent uses."""

from __future__ import annotations

from pathlib import Path

from evals.outcomes import SCORERS
from evals.suite import Case, FrontDoor, Outcome, Suite, load_cases
from evals.suites.attached import attachments


async def answer(front_door: FrontDoor, case: Case) -> Outcome:
    return await front_door.ask(case.input, attach=attachments(case, Path(__file__).parent / "documents"))


def suite() -> Suite:
    return Suite("tool_use", __doc__ or "", load_cases(Path(__file__).with_name("cases.yaml")), answer, SCORERS)
