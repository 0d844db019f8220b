"""How well two raters agree on right and wrong: Cohen's kappa and balanced accuracy, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

Pairs = Sequence[tuple[bool, bool]]  # what the person said, what the judge said
_SEED = 20260101
RESAMPLES = 1000


@dataclass(frozen=True)
class Agreement:
    """`kappa` (Cohen 1960) is agreement beyond chance, `balanced` the mean of both classes' recalls.

    `*_low` and `*_high` are 95 % bootstrap intervals over the labels; None where only one class was labelled.
    """

    labels: int
    positives: int
    agreed: float
    kappa: float | None
    kappa_low: float
    kappa_high: float
    balanced: float | None
    balanced_low: float
    balanced_high: float

    def needed(self, least: float) -> int | None:
        """Return how many labels would put kappa's lower bound at `least`, were kappa as it is; None for no number."""
        if self.kappa is None or self.kappa <= least:
            return None
        width = max(self.kappa - self.kappa_low, 1 / max(self.labels, 1))
        return max(self.labels, ceil(self.labels * (width / (self.kappa - least)) ** 2))


def kappa(pairs: Pairs) -> float | None:
    """Return Cohen's kappa; None where chance alone agrees always, as when one class only was ever given."""
    count = len(pairs)
    if not count:
        return None
    agreed = sum(person is judge for person, judge in pairs) / count
    mine, other = sum(person for person, _ in pairs) / count, sum(judge for _, judge in pairs) / count
    chance = mine * other + (1 - mine) * (1 - other)
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def balanced_accuracy(pairs: Pairs) -> float | None:
    """Return the mean of the shares of right ones and wrong ones that were found; None where one class is missing."""
    right = [judge for person, judge in pairs if person]
    wrong = [not judge for person, judge in pairs if not person]
    return (sum(right) / len(right) + sum(wrong) / len(wrong)) / 2 if right and wrong else None


def agreement(pairs: Pairs, *, resamples: int = RESAMPLES, seed: int = _SEED) -> Agreement:
    """Measure how a judge agrees with people; raises ValueError without labels."""
    if not pairs:
        raise ValueError("nothing was labelled")
    kappa_low, kappa_high = _interval(pairs, kappa, resamples, seed)
    balanced_low, balanced_high = _interval(pairs, balanced_accuracy, resamples, seed)
    return Agreement(
        labels=len(pairs),
        positives=sum(person for person, _ in pairs),
        agreed=sum(person is judge for person, judge in pairs) / len(pairs),
        kappa=kappa(pairs),
        kappa_low=kappa_low,
        kappa_high=kappa_high,
        balanced=balanced_accuracy(pairs),
        balanced_low=balanced_low,
        balanced_high=balanced_high,
    )


def _interval(pairs: Pairs, measure: Callable[[Pairs], float | None], resamples: int, seed: int) -> tuple[float, float]:
    """Draw the labels again. Two imaginary labels, one agreed and one not, keep few labels from looking certain."""
    import numpy as np

    rng = np.random.default_rng(seed)
    padded = [*pairs, (True, False), (False, False)]
    drawn: list[list[int]] = rng.integers(0, len(padded), size=(resamples, len(padded))).tolist()
    found = [value for row in drawn if (value := measure([padded[place] for place in row])) is not None]
    if not found:
        return -1.0, 1.0
    low, high = np.quantile(np.array(found), [0.025, 0.975])
    return float(low), float(high)
