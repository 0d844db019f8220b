"""How small a drop a number of cases can show, and how many cases a small drop needs.

Normal approximation for the one-sided test at 5 % over the mean of the cases' differences.
"""

from __future__ import annotations

from math import ceil, sqrt
from statistics import NormalDist

_NORMAL = NormalDist()
ALPHA, POWER = 0.05, 0.8


def detectable(cases: int, deviation: float, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """Return the smallest drop that is found with this power; `deviation` is that of one case's difference."""
    return _reach(alpha, power) * deviation / sqrt(cases)


def cases_needed(drop: float, deviation: float, *, alpha: float = ALPHA, power: float = POWER) -> int:
    """Return how many cases find a drop with this power; raises ValueError unless the drop is above 0."""
    if drop <= 0:
        raise ValueError("a drop of nothing cannot be found")
    return max(2, ceil((_reach(alpha, power) * deviation / drop) ** 2))


def power(drop: float, cases: int, deviation: float, *, alpha: float = ALPHA) -> float:
    """Return the chance that a drop is found by this many cases."""
    if deviation == 0:
        return 1.0 if drop > 0 else alpha
    return _NORMAL.cdf(drop * sqrt(cases) / deviation - _NORMAL.inv_cdf(1 - alpha))


def _reach(alpha: float, power: float) -> float:
    return _NORMAL.inv_cdf(1 - alpha) + _NORMAL.inv_cdf(power)
