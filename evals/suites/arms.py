"""How many steps of a run began side by side: arms of one fork, none of which waited for another."""

from __future__ import annotations

from evals.suite import Outcome
from evals.trajectory import Trajectory, apart


def side_by_side(outcome: Outcome, role: str = "") -> int:
    """Return the most steps handed out, of a role or of any, of which none could know another's result."""
    steps = (outcome.trajectory or Trajectory()).steps
    handed = [each for each in steps if each.kind == "handoff" and each.labels.get("by") == "step"]
    handed = [each for each in handed if role in ("", each.tool)]
    return max((1 + sum(apart(each, other) for other in handed) for each in handed), default=0)
