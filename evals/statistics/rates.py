"""How often an agent succeeds that does not always do the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb

from evals.intervals import wilson


def pass_at(successes: int, trials: int, k: int) -> float:
    """Return the chance that at least one of k trials succeeds (pass@k), unbiased: Chen et al., arXiv:2107.03374.

    Raises ValueError unless 0 <= successes <= trials and 1 <= k <= trials.
    """
    _check(successes, trials, k)
    return 1 - comb(trials - successes, k) / comb(trials, k)


def pass_all(successes: int, trials: int, k: int) -> float:
    """Return the chance that all of k trials succeed (pass^k), unbiased: Yao et al., arXiv:2406.12045.

    Raises ValueError unless 0 <= successes <= trials and 1 <= k <= trials.
    """
    _check(successes, trials, k)
    return comb(successes, k) / comb(trials, k)


def _check(successes: int, trials: int, k: int) -> None:
    if not (0 <= successes <= trials and 1 <= k <= trials):
        raise ValueError(f"{successes} successes in {trials} trials say nothing about {k}")


@dataclass(frozen=True)
class Flaky:
    """A case that sometimes passes; `low` and `high` are the 95 % Wilson interval of how often."""

    case: str
    passed: int
    trials: int
    low: float
    high: float


def flaky(trials: Mapping[str, Sequence[bool]]) -> list[Flaky]:
    """Return the cases whose trials disagree, those nearest to a coin toss first."""
    found = [
        Flaky(case, sum(each), len(each), *wilson(sum(each), len(each)))
        for case, each in trials.items()
        if 0 < sum(each) < len(each)
    ]
    return sorted(found, key=lambda one: (abs(one.passed / one.trials - 0.5), one.case))
