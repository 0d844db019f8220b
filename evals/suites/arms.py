"""How many steps of a run began side by side: arms of one fork, none of which waited for another."""

from __future__ import annotations

from typing import cast

from evals.suite import Case, Outcome, Score
from evals.trajectory import Trajectory, apart
from evals.verdicts import judged


def side_by_side(outcome: Outcome, role: str = "") -> int:
    """Return the most steps handed out, of a role or of any, of which none could know another's result."""
    steps = (outcome.trajectory or Trajectory()).steps
    handed = [each for each in steps if each.kind == "handoff" and each.labels.get("by") == "step"]
    handed = [each for each in handed if role in ("", each.tool)]
    return max((1 + sum(apart(each, other) for other in handed) for each in handed), default=0)


def score_arms(case: Case, outcome: Outcome) -> Score | None:
    """Demand that at least `expected.side_by_side` steps began together, none waiting for another."""
    wanted = cast("int | None", case.expected.get("side_by_side"))
    if wanted is None:
        return None
    found = side_by_side(outcome)
    return judged("arms", found >= wanted, "" if found >= wanted else f"expected {wanted} side by side, {found} were")
