"""Tasks for the whole team: planned, worked on, written, reviewed, and accepted by a person before they are answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from evals.outcomes import beside
from evals.suite import Case, Outcome, Product, Suite, load_cases


async def answer(product: Product, case: Case) -> Outcome:
    """Give the team a task; `expected.plan` says how the person decides: `approve` (null: not at all) and `reason`."""
    given = cast("dict[str, Any]", case.expected.get("plan", {}))
    return await product.team(case.input, approve=given.get("approve", True), reason=given.get("reason", ""))


def suite() -> Suite:
    cases = load_cases(Path(__file__).with_name("cases.yaml"))
    return Suite("team_task", __doc__ or "", cases, answer, beside("plan"))
