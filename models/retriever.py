"""Ranks passages by words and by meaning in one sum: BM25 with feedback and cosine, each in standard scores.

A standard score says how far a passage stands out among the best thousand of its ranking; unlike a rank, it keeps a
clear winner clear. `python -m benchmarks.retrieval_choose` shows how the constants were chosen: by cross-validation.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from models.analysis import asked
from models.hybrid import PRIOR, Hit
from models.lexical import Feedback, LexicalIndex

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Rows = NDArray[np.int64]
    Mask = NDArray[np.bool_]

DEPTH = 1000  # how far down each ranking is looked at
LOOKED_UP = 200  # passages found by words alone whose cosine is computed where the vectors lie elsewhere


class Meaning(Protocol):
    """The vectors of the passages, by row: exact, or an index that finds nearly all of the nearest."""

    def nearest(self, vector: Floats, depth: int, allowed: Mask | None) -> tuple[Rows, Floats]:
        """Return up to `depth` rows and their cosines, best first."""
        ...

    def cosines(self, vector: Floats, rows: Rows) -> Floats:
        """Return the cosine of each of these rows."""
        ...


@dataclass(frozen=True)
class Ranking:
    """The frozen configuration: what words and meaning weigh, and how a question grows."""

    words: float = 0.5
    meaning: float = 0.5
    feedback: Feedback | None = field(default_factory=Feedback)


class Retriever:
    """`ids` name the rows of `lexical`; without `meaning` passages are found by their words alone."""

    def __init__(
        self, ids: Sequence[int], lexical: LexicalIndex, meaning: Meaning | None, ranking: Ranking | None = None
    ) -> None:
        self._ids = ids
        self._lexical = lexical
        self._meaning = meaning
        self._ranking = ranking or Ranking()

    def search(self, question: str, vector: Floats | None, limit: int, allowed: Mask | None = None) -> list[Hit]:
        """Return the best passages, best first, among those that `allowed` (a flag a row) lets through."""
        if not self._ids:
            return []
        wanted = asked(question)
        meaning = self._ranking.meaning if self._meaning is not None and vector is not None else 0.0
        near = self._near(vector, allowed) if meaning else None
        weights = self._lexical.numbered(wanted)
        words = self._by_words(weights, allowed)
        rows, scores = self._fused(words, near, vector)
        if self._ranking.feedback and self._ranking.words and len(rows):
            best = rows[: self._ranking.feedback.texts].tolist()
            grown = self._lexical.expanded(weights, best, self._ranking.feedback)
            rows, scores = self._fused(self._by_words(grown, allowed), near, vector)
        rows, scores = rows[:limit], scores[:limit]
        cosines = self._meaning.cosines(vector, rows) if self._meaning is not None and vector is not None else None
        coverage = self._coverage(wanted, rows)
        return [
            Hit(
                self._ids[int(row)],
                float(scores[place]),
                None if cosines is None else float(cosines[place]),
                float(coverage[place]),
            )
            for place, row in enumerate(rows)
        ]

    def _by_words(self, weights: dict[int, float], allowed: Mask | None) -> Floats:
        scores = self._lexical.scores(weights)
        return scores if allowed is None else np.where(allowed, scores, np.float32(0))

    def _near(self, vector: Floats | None, allowed: Mask | None) -> tuple[Rows, Floats]:
        assert self._meaning is not None
        assert vector is not None
        return self._meaning.nearest(vector, DEPTH, allowed)

    def _fused(self, words: Floats, near: tuple[Rows, Floats] | None, vector: Floats | None) -> tuple[Rows, Floats]:
        """Return rows and fused scores, best first."""
        found = _top(words, DEPTH)
        found_scores = words[found]
        if near is None:
            keep = found_scores > 0
            return found[keep], found_scores[keep]
        if not self._ranking.words:
            return near
        low, spread = _scale(found_scores)
        floor, breadth = _scale(near[1])
        cosines = dict(zip(near[0].tolist(), near[1].tolist(), strict=True))
        lonely = np.array([row for row in found.tolist() if words[row] > 0 and row not in cosines], dtype=np.int64)
        if len(lonely):
            assert self._meaning is not None
            assert vector is not None
            looked_up = lonely[:LOOKED_UP]
            cosines |= dict(zip(looked_up.tolist(), self._meaning.cosines(vector, looked_up).tolist(), strict=True))
        rows = np.array(sorted(cosines), dtype=np.int64)
        cosine = np.array([cosines[row] for row in rows.tolist()], dtype=np.float32)
        total = self._ranking.words * (words[rows] - low) / spread + self._ranking.meaning * (cosine - floor) / breadth
        order = np.argsort(-total, kind="stable")
        return rows[order], total[order].astype(np.float32)

    def _coverage(self, wanted: Counter[int], rows: Rows) -> Floats:
        """Return the share (0 to 1) of the question's information that each row's words carry."""
        held = np.zeros(len(rows), dtype=np.float32)
        numbers = {term: next(iter(self._lexical.numbered({term: 1.0})), None) for term in wanted}
        total = 0.0
        for number in numbers.values():
            having = self._lexical.found_in(number) if number is not None else np.zeros(0, dtype=np.int32)
            information = math.log((len(self._ids) + 2 * PRIOR) / (len(having) + PRIOR / 20))
            total += information
            held += np.isin(rows, having) * np.float32(information)
        return held / np.float32(total or 1.0)


def _top(scores: Floats, depth: int) -> Rows:
    if len(scores) > depth:
        rows = np.argpartition(-scores, depth - 1)[:depth]
        rows.sort()  # equal scores keep the order of the rows
    else:
        rows = np.arange(len(scores))
    return rows[np.argsort(-scores[rows], kind="stable")]


def _scale(scores: Floats) -> tuple[float, float]:
    """Return mean and standard deviation of a ranking's best scores, the second never zero."""
    if not len(scores):
        return 0.0, 1.0
    return float(scores.mean()), max(float(scores.std()), 1e-6)
