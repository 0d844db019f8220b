"""How remembered texts are ranked: words (BM25), meaning (cosine) and what stands next to a turn, in one sum.

The weights were chosen on LoCoMo by leaving one conversation out: `python -m benchmarks.memory_locomo`.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.hybrid import terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEPTH = 200  # how far down each ranking is looked at
_WHEN = re.compile(r"\b(?:when|what (?:date|day|month|year|time)|how long ago|since when)\b", re.IGNORECASE)
_DATED = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|last|next|this (?:week|month|year|morning|weekend)|(?:mon|tues|wednes|"
    r"thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september|october|november|december|"
    r"\d{4}|weekend|recently|just)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Weights:
    """What each signal is worth; words and meaning are first scaled to 0..1 over the candidates.

    `before` and `after` are the share of the neighbouring turns' relevance that a turn inherits: an answer rarely
    repeats the words of what was asked just before it. `dated` is for turns that name a time when the question asks
    for one.
    """

    words: float = 1.0
    meaning: float = 1.0
    before: float = 0.3
    after: float = 0.1
    dated: float = 0.1


def asks_when(question: str) -> bool:
    return _WHEN.search(question) is not None


def names_a_time(text: str) -> bool:
    return _DATED.search(text) is not None


def expression(question: str) -> str:
    """Return an FTS5 expression of the question's topical words; quoting makes every word a string."""
    return " OR ".join('"' + word.replace('"', " ") + '"' for word in terms(question))


def scaled(scores: Mapping[int, float]) -> dict[int, float]:
    """Return scores moved to 0..1; all 1 where they are equal."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    return {entry: (score - low) / (high - low) if high > low else 1.0 for entry, score in scores.items()}


def combined(
    words: Mapping[int, float],
    meaning: Mapping[int, float],
    weights: Weights,
    *,
    neighbours: Callable[[int], tuple[int | None, int | None]] = lambda _entry: (None, None),
    dated: Callable[[int], bool] = lambda _entry: False,
) -> dict[int, float]:
    """Return the relevance of every candidate; `neighbours` gives the turn before and the turn after."""
    words, meaning = scaled(words), scaled(meaning)
    own = {
        entry: weights.words * words.get(entry, 0.0) + weights.meaning * meaning.get(entry, 0.0)
        for entry in words.keys() | meaning.keys()
    }
    total: dict[int, float] = {}
    for entry, score in own.items():
        before, after = neighbours(entry)
        inherited = weights.before * own.get(before or -1, 0.0) + weights.after * own.get(after or -1, 0.0)
        total[entry] = score + inherited + (weights.dated if weights.dated and dated(entry) else 0.0)
    return total


def best(scores: Mapping[int, float], limit: int) -> list[int]:
    return sorted(scores, key=lambda entry: (-scores[entry], entry))[:limit]


def by_meaning(
    ids: Sequence[int] | NDArray[np.int64], vectors: NDArray[np.float32], question: NDArray[np.float32], depth: int
) -> dict[int, float]:
    """Return the cosine of the `depth` nearest rows; vectors are float32 (n, d) of length one."""
    import numpy as np

    if not len(ids):
        return {}
    cosines = vectors @ question
    nearest = np.argpartition(-cosines, min(depth, len(ids)) - 1)[:depth]
    return {int(ids[int(row)]): float(cosines[row]) for row in nearest}


def by_words(rows: Iterable[sqlite3.Row]) -> dict[int, float]:
    """Return BM25 by id from rows of (id, rank), where FTS5 ranks better matches lower."""
    return {int(row[0]): -float(row[1]) for row in rows}
