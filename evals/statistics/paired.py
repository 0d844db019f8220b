"""The same cases before and now: is the agent worse, and could this many cases have told?

The case is the unit. Trials of one case are not independent of each other, so each case gives one number, its mean
now less its mean before; those numbers are flipped (permutation test) and drawn again (bootstrap).

A case that was tried more often on one side than on the other breaks the flip: at one trial before and five now, an
agent that hardly ever fails falls by a fifth often and rises by one rarely, which no flip does. Then the trials of
each case are also dealt anew between the sides, and the larger p-value counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import comb, sqrt
from typing import TYPE_CHECKING, Any, Literal

from evals.statistics.power import cases_needed, detectable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]

Decision = Literal["worse", "same", "underpowered"]
ALPHA = 0.05
MARGIN = 0.05
_EXACT = 12  # up to so many cases that differ, every flip of signs is tried
_SEED = 20260101
_CELLS = 1_000_000  # numbers held at once, so that memory does not grow with the cases


@dataclass(frozen=True)
class Comparison:
    """Rates are means over cases. `low` and `high` hold the difference with 95 %, `bound` from below with 95 %.

    `p_worse` is one-sided; `effect` is the difference in standard deviations of the cases' differences (Cohen's d_z),
    None where no case differs; `detectable` is the drop that would be found about four times in five, and `needed` how
    many cases would so find a drop of `margin`, where it is spread over all cases. Where it breaks few cases wholly, it
    is `detectable_whole` and `needed_whole`, which more trials hardly help.
    """

    cases: int
    before: float
    now: float
    difference: float
    low: float
    high: float
    bound: float
    p_worse: float
    effect: float | None
    detectable: float
    detectable_whole: float
    needed: int
    needed_whole: int
    margin: float

    def decide(self, *, p: float | None = None, alpha: float = ALPHA) -> Decision:
        """Return the verdict: worse where the (adjusted) p-value says so; the same only where a drop of more than the
        margin is ruled out; else too few cases to say either.
        """
        if (self.p_worse if p is None else p) < alpha and self.difference < 0:
            return "worse"
        return "same" if self.bound > -self.margin else "underpowered"


def compare(
    before: Mapping[str, Sequence[float]],
    now: Mapping[str, Sequence[float]],
    *,
    margin: float = MARGIN,
    resamples: int = 4000,
    seed: int = _SEED,
) -> Comparison:
    """Compare the trials (0 to 1) of the cases that both have; raises ValueError where they share none.

    The numbers drawn are fixed by `seed`, so that the same results always give the same verdict.
    """
    import numpy as np

    cases = sorted(case for case in before if len(before[case]) and len(now.get(case, ())))
    if not cases:
        raise ValueError("no case was tried both before and now")
    earlier = np.array([float(np.mean(before[case])) for case in cases])
    later = np.array([float(np.mean(now[case])) for case in cases])
    differences = later - earlier
    rng = np.random.default_rng(seed)
    fewest = min(min(len(before[case]), len(now[case])) for case in cases)
    low, bound, high = _interval(differences, fewest, rng, resamples)
    p_worse = _chance(differences, [(before[case], now[case]) for case in cases], rng, resamples)
    deviation = _deviation(differences, fewest)
    spread = float(np.std(differences, ddof=1)) if len(cases) > 1 else 0.0
    return Comparison(
        cases=len(cases),
        before=float(earlier.mean()),
        now=float(later.mean()),
        difference=float(differences.mean()),
        low=low,
        high=high,
        bound=bound,
        p_worse=p_worse,
        effect=float(differences.mean()) / spread if spread > 0 else None,
        detectable=detectable(len(cases), deviation, trials=fewest),
        detectable_whole=detectable(len(cases), deviation, trials=1),
        needed=cases_needed(margin, deviation, trials=fewest),
        needed_whole=cases_needed(margin, deviation, trials=1),
        margin=margin,
    )


def chance_of_drop(
    before: Mapping[str, Sequence[float]],
    now: Mapping[str, Sequence[float]],
    *,
    resamples: int = 4000,
    seed: int = _SEED,
) -> float:
    """Return how likely chance alone lets any measure, rates or not, fall as much, over the cases of both."""
    import numpy as np

    sides = [(before[case], now[case]) for case in sorted(before.keys() & now.keys())]
    differences = np.array([float(np.mean(later)) - float(np.mean(earlier)) for earlier, later in sides])
    return _chance(differences, sides, np.random.default_rng(seed), resamples)


def _chance(
    differences: Numbers, sides: Sequence[tuple[Sequence[float], Sequence[float]]], rng: Any, resamples: int
) -> float:
    flipped = _flipped(differences, rng, resamples)
    if all(len(earlier) == len(later) for earlier, later in sides):
        return flipped
    return max(flipped, _dealt(sides, rng, resamples))


def _flipped(differences: Numbers, rng: Any, resamples: int) -> float:
    """Return the one-sided p-value of the sign-flip permutation test: how often chance does as badly."""
    import numpy as np

    moved = differences[np.abs(differences) > 1e-12]
    if not len(moved):
        return 1.0
    size = np.abs(moved)
    if np.allclose(size, size[0]):  # all alike: the flips are coin tosses, as in McNemar's exact test
        better = int((moved > 0).sum())
        return sum(comb(len(moved), n) for n in range(better + 1)) / 2 ** len(moved)
    observed = moved.sum() + 1e-12
    if len(moved) <= _EXACT:
        signs = np.array(list(product((-1.0, 1.0), repeat=len(moved))))
        return float((signs @ size <= observed).mean())
    signs = rng.integers(0, 2, size=(resamples, len(moved)), dtype=np.int8) * 2 - 1
    return (int((signs @ size <= observed).sum()) + 1) / (resamples + 1)


def _dealt(sides: Sequence[tuple[Sequence[float], Sequence[float]]], rng: Any, resamples: int) -> float:
    """Return the one-sided p-value of dealing each case's trials anew between before and now."""
    import numpy as np

    observed, drawn = 0.0, np.zeros(resamples)
    for earlier, later in sides:
        observed += float(np.mean(later)) - float(np.mean(earlier))
        pooled = np.array([*earlier, *later], dtype=float)
        if (pooled == pooled[0]).all():  # however they are dealt, nothing differs
            continue
        dealt = rng.permuted(np.broadcast_to(pooled, (resamples, len(pooled))), axis=1)
        drawn += dealt[:, len(earlier) :].mean(axis=1) - dealt[:, : len(earlier)].mean(axis=1)
    return (int((drawn <= observed + 1e-9).sum()) + 1) / (resamples + 1)


def _pseudo(trials: int) -> float:
    """What two imaginary cases differ by, one up and one down.

    Where few cases differ, the observed spread says too little: at no difference in 20 cases the bootstrap would be
    certain. Agresti and Min (Statistics in Medicine 24, 2005) add half a case to each cell of the paired table, which
    adds just this much to the sum of squares.
    """
    return sqrt(0.5 / trials)


def _deviation(differences: Numbers, trials: int) -> float:
    """Return the standard deviation of a case's difference, never certain of zero."""
    import numpy as np

    padded = np.concatenate([differences, [_pseudo(trials), -_pseudo(trials)]])
    return float(np.std(padded, ddof=1))


def _interval(differences: Numbers, trials: int, rng: Any, resamples: int) -> tuple[float, float, float]:
    """Return the 2.5, 5 and 97.5 % points of the bootstrap over cases."""
    import numpy as np

    padded = np.concatenate([differences, [_pseudo(trials), -_pseudo(trials)]])
    at_once = max(1, _CELLS // len(padded))
    sizes = [min(at_once, resamples - done) for done in range(0, resamples, at_once)]
    means = np.concatenate(
        [padded[rng.integers(0, len(padded), size=(size, len(padded)))].mean(axis=1) for size in sizes]
    )
    # Imaginary cases pull the middle to zero; the interval is put back around what was seen, at the width of its cases.
    centre, seen = padded.mean(), differences.mean()
    stretch = sqrt(len(padded) / max(1, len(differences) - 1))
    low, bound, high = (float(seen + (point - centre) * stretch) for point in np.quantile(means, [0.025, 0.05, 0.975]))
    return max(-1.0, low), max(-1.0, bound), min(1.0, high)
