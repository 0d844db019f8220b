"""What a user told: known in later conversations with the day and turn, corrected, kept apart, and never invented."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from evals.matching.predicates import complaint
from evals.suite import Case, Outcome, Product, Score, Suite, load_cases
from evals.suites.turns import converse, score_turns


async def answer(product: Product, case: Case) -> Outcome:
    """Say everything in a home of its own; `output.kept` holds what its memory then has, oldest first."""
    async with product.apart() as alone:
        held = await converse(alone, case, (), remember=True)
        kept = (await alone.call("memory", "memory_turns", {}))["sources"]
    return held.model_copy(update={"output": {**cast("dict[str, Any]", held.output), "kept": kept}})


def score_kept(case: Case, outcome: Outcome) -> Score | None:
    """Hold what memory has after the conversation to the predicate `expected.kept`."""
    if "kept" not in case.expected:
        return None
    wrong = complaint(case.expected["kept"], cast("dict[str, Any]", outcome.output or {}).get("kept"))
    reason = f"kept in memory: {wrong}" if wrong else ""
    return Score(scorer="kept", value=float(not wrong), verdict="wrong" if wrong else "right", reason=reason)


def suite() -> Suite:
    cases = load_cases(Path(__file__).with_name("cases.yaml"))
    return Suite("memory", __doc__ or "", cases, answer, (score_turns, score_kept))
