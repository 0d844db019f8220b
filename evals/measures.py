"""Where a change got worse: each scorer by itself, and what an answer takes, against the baseline.

The gate decides by verdicts alone. These are many tests beside it, so their p-values are adjusted for the share of
false alarms among alarms (Benjamini and Hochberg): they say where to look, not whether to pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from evals.statistics import benjamini_hochberg, chance_of_drop
from evals.suite import CaseResult

Measures = dict[str, dict[str, list[float]]]  # by measure and case, one number a trial
AMOUNTS = ("tokens", "seconds", "calls", "cost")  # of which less is better; of a scorer's share more is


@dataclass(frozen=True)
class Change:
    """One measure over the cases that both have; `p` says how likely chance alone makes it as much worse."""

    name: str
    cases: int
    before: float
    now: float
    p: float


def measures_of(results: Sequence[CaseResult]) -> Measures:
    """Return what each trial that gave an answer measured: `by SCORER` 1 where right, else 0, and the amounts."""
    found: Measures = {}
    for result in results:
        outcome = result.outcome
        if outcome.error is not None:
            continue
        told = {f"by {score.scorer}": float(score.verdict == "right") for score in result.scores}
        told |= {"tokens": float(outcome.tokens), "seconds": round(outcome.seconds, 3)}
        if outcome.trajectory is not None:
            cost = outcome.trajectory.totals.cost
            told |= {"calls": float(len(outcome.trajectory.calls))} | ({} if cost is None else {"cost": cost})
        for name, value in told.items():
            found.setdefault(name, {}).setdefault(result.case, []).append(value)
    return found


def changes(before: Measures, now: Measures) -> list[Change]:
    """Compare each measure that both know, case by case; what is zero throughout was not measured."""
    found: list[Change] = []
    for name in sorted(before.keys() & now.keys()):
        cases = sorted(before[name].keys() & now[name].keys())
        sides = [{case: side[name][case] for case in cases} for side in (before, now)]
        if not cases or (name in AMOUNTS and not any(any(given) for side in sides for given in side.values())):
            continue
        sign = -1 if name in AMOUNTS else 1
        p = chance_of_drop(*({case: [sign * x for x in given] for case, given in side.items()} for side in sides))
        was, became = (sum(sum(given) / len(given) for given in side.values()) / len(cases) for side in sides)
        found.append(Change(name, len(cases), was, became, p))
    adjusted = benjamini_hochberg([each.p for each in found])
    return [replace(each, p=p) for each, p in zip(found, adjusted, strict=True)]
