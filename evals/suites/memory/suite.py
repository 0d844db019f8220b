"""What a user told: known in later conversations with the day and turn, corrected, kept apart, and never invented."""

from __future__ import annotations

from pathlib import Path

from evals.suite import Case, Outcome, Product, Suite, load_cases
from evals.suites.turns import hold, score_turns


async def answer(product: Product, case: Case) -> Outcome:
    return await hold(product, case, remember=True)


def suite() -> Suite:
    return Suite("memory", __doc__ or "", load_cases(Path(__file__).with_name("cases.yaml")), answer, (score_turns,))
