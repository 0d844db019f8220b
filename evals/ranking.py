"""How good a ranking is, given what is relevant: the measures of TREC, as trec_eval computes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from math import log2


def recall_at(k: int, ranked: Sequence[str], relevant: Set[str]) -> float:
    """Return the share of the relevant that is among the first k; 0 where nothing is relevant."""
    return len(relevant & set(ranked[:k])) / len(relevant) if relevant else 0.0


def precision_at(k: int, ranked: Sequence[str], relevant: Set[str]) -> float:
    """Return the share of the first k places that hold something relevant."""
    return len(relevant & set(ranked[:k])) / k


def reciprocal_rank(ranked: Sequence[str], relevant: Set[str]) -> float:
    """Return one over the place of the first relevant one; 0 where there is none."""
    return next((1 / place for place, each in enumerate(ranked, 1) if each in relevant), 0.0)


def average_precision(ranked: Sequence[str], relevant: Set[str]) -> float:
    """Return the mean over the relevant of the precision at the place of each; 0 for those never found."""
    hits, total = 0, 0.0
    for place, each in enumerate(ranked, 1):
        if each in relevant:
            hits += 1
            total += hits / place
    return total / len(relevant) if relevant else 0.0


def ndcg_at(k: int, ranked: Sequence[str], gains: Mapping[str, float]) -> float:
    """Return the discounted cumulative gain of the first k over the best possible (Järvelin and Kekäläinen 2002)."""
    best = sum(gain / log2(place + 1) for place, gain in enumerate(sorted(gains.values(), reverse=True)[:k], 1))
    got = sum(gains.get(each, 0.0) / log2(place + 1) for place, each in enumerate(ranked[:k], 1))
    return got / best if best > 0 else 0.0
