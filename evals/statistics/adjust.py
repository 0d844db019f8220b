"""Many tests at once: p-values adjusted so that testing more does not find more by chance."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values that keep the chance of any false alarm (Holm, Scand. J. Statist. 6, 1979), in given order."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values that keep the share of false alarms among alarms (Benjamini and Hochberg, JRSS B 57, 1995)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__, reverse=True)
    adjusted = [0.0] * len(p_values)
    lowest = 1.0
    for left, place in enumerate(order):
        lowest = min(lowest, p_values[place] * len(p_values) / (len(p_values) - left))
        adjusted[place] = lowest
    return adjusted
