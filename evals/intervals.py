"""How sure a share is, given how few cases it was measured on."""

from __future__ import annotations

from math import sqrt

_Z95 = 1.959964  # the standard normal's 97.5 % point


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a proportion, both ends from 0 to 1; all of it without trials.

    Unlike the textbook interval it stays inside 0 and 1 and is not empty at 0 of n (Wilson, JASA 22, 1927).
    """
    if trials == 0:
        return 0.0, 1.0
    share, z2 = successes / trials, _Z95**2
    middle = share + z2 / (2 * trials)
    margin = _Z95 * sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    scale = 1 + z2 / trials
    return max(0.0, (middle - margin) / scale), min(1.0, (middle + margin) / scale)
