"""BM25 over an inverted index in numpy, and its expansion by feedback (RM3).

Robertson and Zaragoza 2009 (BM25), Lavrenko and Croft 2001 with Abdul-Jaleel et al. 2004 (RM3). SQLite's own BM25 has
its constants built in and counts a word that a question says twice only once; both cost precision on judged
collections (docs/decisions/0007).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.analysis import unspecific

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

# One entry of a bag: a term and how often it stands in the text.
ENTRY = np.dtype([("term", "<u4"), ("count", "<u2")])


def packed(bag: Mapping[int, int]) -> bytes:
    """Return a bag of terms as bytes for `LexicalIndex`, ordered by term."""
    entries = np.empty(len(bag), dtype=ENTRY)
    entries["term"] = np.fromiter(bag.keys(), dtype=np.uint32, count=len(bag))
    entries["count"] = np.minimum(np.fromiter(bag.values(), dtype=np.int64, count=len(bag)), 65535)
    entries.sort(order="term")
    return entries.tobytes()


@dataclass(frozen=True)
class Feedback:
    """How a question grows: by `terms` of the `texts` best texts, which weigh 1 - `original` together."""

    texts: int = 10
    terms: int = 40
    original: float = 0.7
    common: float = 0.1  # a term in a larger share of the texts says nothing new
    least: int = 1000  # texts in the index; fewer do not tell which terms are rare


class LexicalIndex:
    """Scores all texts for a weighted question; row n is the n-th bag. `k1` and `b` are BM25's constants."""

    def __init__(self, bags: Sequence[bytes], *, k1: float = 1.5, b: float = 0.6) -> None:
        entries = np.frombuffer(b"".join(bags), dtype=ENTRY)
        sizes = np.array([len(held) // ENTRY.itemsize for held in bags], dtype=np.int64)
        self.size = len(bags)
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._terms, numbers = np.unique(entries["term"], return_inverse=True)
        self._term = numbers.astype(np.int32)
        self._count = entries["count"].astype(np.float32)
        rows = np.repeat(np.arange(self.size, dtype=np.int32), sizes)
        order = np.argsort(self._term, kind="stable")
        self._row = rows[order]
        self._first = np.searchsorted(self._term[order], np.arange(len(self._terms) + 1))
        lengths = np.bincount(rows, weights=self._count, minlength=self.size).astype(np.float32)
        self._lengths = lengths
        norm = k1 * (1 - b + b * lengths / max(float(lengths.mean()), 1.0)) if self.size else lengths
        count = self._count[order]
        self._weight = count * (k1 + 1) / (count + norm[self._row])
        self._found_in = np.diff(self._first)

    def numbered(self, terms: Mapping[int, float]) -> dict[int, float]:
        """Return the weights of those terms that any text holds, by their number here."""
        known: dict[int, float] = {}
        for term, weight in terms.items():
            place = int(np.searchsorted(self._terms, np.uint32(term)))
            if place < len(self._terms) and self._terms[place] == term:
                known[place] = weight
        return known

    def scores(self, weights: Mapping[int, float]) -> Floats:
        """Return the BM25 of every text, float32 (size,), for `weights` by number as `numbered` gives them."""
        total = np.zeros(self.size, dtype=np.float32)
        for number, weight in weights.items():
            found = slice(int(self._first[number]), int(self._first[number + 1]))
            total[self._row[found]] += np.float32(weight * self.information(number)) * self._weight[found]
        return total

    def information(self, number: int) -> float:
        """Return BM25's inverse document frequency of a term."""
        found = int(self._found_in[number])
        return math.log(1 + (self.size - found + 0.5) / (found + 0.5))

    def found_in(self, number: int) -> NDArray[np.int32]:
        """Return the rows of the texts that hold a term."""
        return self._row[int(self._first[number]) : int(self._first[number + 1])]

    def terms_of(self, row: int) -> tuple[NDArray[np.int32], Floats]:
        """Return the numbers of a text's terms, ascending, and how often it holds each."""
        held = slice(int(self._starts[row]), int(self._starts[row + 1]))
        return self._term[held], self._count[held]

    def expanded(
        self, weights: Mapping[int, float], best: Sequence[int], feedback: Feedback, shares: Sequence[float] = ()
    ) -> dict[int, float]:
        """Return the question grown by what the `best` rows talk about; `shares` weighs them, else all alike."""
        if self.size < feedback.least or not len(best) or not weights:
            return dict(weights)
        shares = shares or [1 / len(best)] * len(best)
        held = [self.terms_of(row) for row in best]
        said = [
            counts * np.float32(share / max(float(self._lengths[row]), 1.0))
            for (_, counts), row, share in zip(held, best, shares, strict=True)
        ]
        numbers, place = np.unique(np.concatenate([each for each, _ in held]), return_inverse=True)
        model = np.bincount(place, weights=np.concatenate(said), minlength=len(numbers))
        plain = np.fromiter(unspecific(), dtype=np.uint32)
        fit = (self._found_in[numbers] <= feedback.common * self.size) & ~np.isin(self._terms[numbers], plain)
        numbers, model = numbers[fit], model[fit]
        order = np.argsort(-model, kind="stable")[: feedback.terms]
        chosen = dict(zip(numbers[order].tolist(), model[order].tolist(), strict=True))
        whole, added = sum(weights.values()), sum(chosen.values())
        grown = {number: feedback.original * weight / whole for number, weight in weights.items()}
        for number, weight in chosen.items():
            grown[number] = grown.get(number, 0.0) + (1 - feedback.original) * weight / added
        return grown

    def similarity(self, one: int, other: int) -> float:
        """Return the share of terms that two texts have in common (Jaccard), 0 to 1."""
        first, second = self.terms_of(one)[0], self.terms_of(other)[0]
        shared = len(np.intersect1d(first, second, assume_unique=True))
        return shared / max(len(first) + len(second) - shared, 1)

    def signatures(self, hashes: int) -> NDArray[np.uint32]:
        """Return MinHash signatures (Broder 1997) of all texts, uint32 (size, hashes); empty texts give zeros."""
        random = np.random.default_rng(7)
        factors = random.integers(1, 1 << 32, size=hashes, dtype=np.uint64) | np.uint64(1)
        shifts = random.integers(0, 1 << 32, size=hashes, dtype=np.uint64)
        terms = self._terms[self._term].astype(np.uint64) if len(self._term) else np.zeros(0, dtype=np.uint64)
        held = np.flatnonzero(np.diff(self._starts))
        made = np.zeros((self.size, hashes), dtype=np.uint32)
        for number in range(hashes if len(held) else 0):
            mixed = (terms * factors[number] + shifts[number]) >> np.uint64(16) & np.uint64(0xFFFFFFFF)
            made[held, number] = np.minimum.reduceat(mixed, self._starts[held]).astype(np.uint32)
        return made
