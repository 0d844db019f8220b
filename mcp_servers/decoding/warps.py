"""What turns a model's distribution into the one that is drawn from; each takes one and returns a new one.

Every filter keeps at least one token.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcp_servers.decoding.distribution import Distribution, Floats


def repetition_penalty(distribution: Distribution, written: Sequence[int], penalty: float) -> Distribution:
    """Make what was written already unlikelier (CTRL, Keskar et al. 2019): its log-probability times `penalty`."""
    seen = np.isin(distribution.ids, np.array(list(written), dtype=np.int64))
    scores = distribution.logits - _log_sum(distribution.logits)
    return Distribution.of(distribution.ids, np.where(seen, scores * penalty, scores), distribution.covered)


def temperature(distribution: Distribution, value: float) -> Distribution:
    """Divide the logits: below 1 the likely grows likelier, above 1 all draw level."""
    return Distribution(distribution.ids, distribution.logits / value, distribution.covered)


def top_k(distribution: Distribution, k: int) -> Distribution:
    """Keep the k likeliest (Fan et al. 2018)."""
    return distribution.keep(np.arange(len(distribution.ids)) < max(1, k))


def top_p(distribution: Distribution, p: float) -> Distribution:
    """Keep the fewest of the likeliest whose probabilities reach p: the nucleus (Holtzman et al. 2020)."""
    before = np.cumsum(distribution.probabilities) - distribution.probabilities
    kept = before < p
    kept[0] = True
    return distribution.keep(kept)


def min_p(distribution: Distribution, share: float) -> Distribution:
    """Keep what has at least a share of the likeliest's probability (Nguyen et al. 2024)."""
    probabilities = distribution.probabilities
    return distribution.keep(probabilities >= share * probabilities.max())


def typical(distribution: Distribution, mass: float) -> Distribution:
    """Keep, up to a mass, what surprises as much as expected (Meister et al. 2023): neither dull nor odd."""
    probabilities = distribution.probabilities
    surprise = -np.log(np.maximum(probabilities, 1e-300))
    distance = np.abs(surprise - (probabilities * surprise).sum())
    order = np.argsort(distance, kind="stable")
    before = np.cumsum(probabilities[order]) - probabilities[order]
    kept = np.zeros(len(order), dtype=np.bool_)
    kept[order[before < mass]] = True
    kept[order[0]] = True
    return distribution.keep(kept)


class Mirostat:
    """Version 2 (Basu et al. 2021): holds the surprise of what is drawn near `tau` bits by moving a cut-off."""

    def __init__(self, tau: float, rate: float = 0.1) -> None:
        self._tau = tau
        self._rate = rate
        self._cut = 2 * tau

    def warp(self, distribution: Distribution) -> Distribution:
        surprise = -np.log2(np.maximum(distribution.probabilities, 1e-300))
        kept = surprise <= self._cut
        kept[0] = True
        return distribution.keep(kept)

    def told(self, surprise: float) -> None:
        """Hear how many bits the drawn token had, by the distribution before the cut."""
        self._cut -= self._rate * (surprise - self._tau)


def _log_sum(logits: Floats) -> float:
    top = float(logits.max())
    return top + float(np.log(np.exp(logits - top).sum()))
