"""How small a drop a number of cases can show, and how many cases a small drop needs.

Normal approximation for the one-sided test at 5 % over the mean of the cases' differences. `deviation` is that of one
case's difference as it was seen, mostly without a drop. A drop adds to it: of trials that nearly all pass now, some
would fail then. A drop d that is spread over all cases adds d (1 - d) / trials to the variance, `trials` being those
of which a case's rate is the mean. One that breaks a few cases wholly adds d (1 - d), however often they are tried:
that is `trials=1`. Without `trials` nothing is added.
"""

from __future__ import annotations

from math import ceil, sqrt
from statistics import NormalDist

_NORMAL = NormalDist()
ALPHA, POWER = 0.05, 0.8


def detectable(
    cases: int, deviation: float, *, trials: int | None = None, alpha: float = ALPHA, power: float = POWER
) -> float:
    """Return the smallest drop that is found with this power, at most 1."""
    # the d of d^2 cases = reach^2 (deviation^2 + added (d - d^2))
    added = 1 / trials if trials else 0.0
    square = cases / _reach(alpha, power) ** 2 + added
    return min(1.0, (added + sqrt(added**2 + 4 * square * deviation**2)) / (2 * square))


def cases_needed(
    drop: float, deviation: float, *, trials: int | None = None, alpha: float = ALPHA, power: float = POWER
) -> int:
    """Return how many cases find a drop with this power; raises ValueError unless the drop is above 0."""
    if drop <= 0:
        raise ValueError("a drop of nothing cannot be found")
    return max(2, ceil((_reach(alpha, power) * _with_drop(deviation, drop, trials) / drop) ** 2))


def power(drop: float, cases: int, deviation: float, *, trials: int | None = None, alpha: float = ALPHA) -> float:
    """Return the chance that a drop is found by this many cases."""
    spread = _with_drop(deviation, drop, trials)
    if spread == 0:
        return 1.0 if drop > 0 else alpha
    return _NORMAL.cdf(drop * sqrt(cases) / spread - _NORMAL.inv_cdf(1 - alpha))


def _with_drop(deviation: float, drop: float, trials: int | None) -> float:
    return sqrt(deviation**2 + (drop * (1 - drop) / trials if trials else 0.0))


def _reach(alpha: float, power: float) -> float:
    return _NORMAL.inv_cdf(1 - alpha) + _NORMAL.inv_cdf(power)
