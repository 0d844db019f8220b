"""An inverted file with product quantization (Jégou, Douze and Schmid 2011) in numpy: small, and what it loses shows.

Vectors fall into `lists` cells around k-means centres. Within a cell each is kept as `parts` bytes: of every part of
its difference from the centre, the number of the nearest of 256 sub-centres. A search looks into `probe` cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

ROUNDS = 8  # of k-means
CODES = 256
TRAINED_ON = 20_000  # vectors; more move no centre


class InvertedFile:
    """`vectors` are float32 (n, d); `parts` divides d. Memory is n * (parts + 8) bytes and the centres."""

    def __init__(self, vectors: Floats, *, lists: int, parts: int, seed: int = 7) -> None:
        random = np.random.default_rng(seed)
        sample = vectors[random.permutation(len(vectors))[:TRAINED_ON]]
        self._centres = _k_means(sample, min(lists, len(sample)), random)
        cell = _closest(vectors, self._centres)
        rest = vectors - self._centres[cell]
        width = vectors.shape[1] // parts
        self._parts = [slice(n * width, (n + 1) * width) for n in range(parts)]
        kept = random.permutation(len(rest))[:TRAINED_ON]
        self._books = [_k_means(rest[kept, part], min(CODES, len(kept)), random) for part in self._parts]
        codes = [_closest(rest[:, part], book) for part, book in zip(self._parts, self._books, strict=True)]
        order = np.argsort(cell, kind="stable")
        self._ids = order
        self._codes = np.stack(codes, axis=1).astype(np.uint8)[order]
        self._first = np.searchsorted(cell[order], np.arange(len(self._centres) + 1))

    @property
    def memory(self) -> int:
        """Bytes in memory."""
        return self._codes.nbytes + self._ids.nbytes + self._centres.nbytes + sum(book.nbytes for book in self._books)

    def nearest(self, vector: Floats, limit: int, *, probe: int) -> NDArray[np.int64]:
        """Return up to `limit` rows, those of the largest approximate inner product first."""
        inner = self._centres @ vector
        tables = [book @ vector[part] for part, book in zip(self._parts, self._books, strict=True)]
        rows: list[NDArray[np.int64]] = []
        scores: list[Floats] = []
        for cell in np.argsort(-inner)[:probe].tolist():
            held = slice(int(self._first[cell]), int(self._first[cell + 1]))
            score = np.full(held.stop - held.start, inner[cell], dtype=np.float32)
            for number, table in enumerate(tables):
                score += table[self._codes[held, number]]
            rows.append(self._ids[held])
            scores.append(score)
        found, score = np.concatenate(rows), np.concatenate(scores)
        return found[np.argsort(-score, kind="stable")[:limit]]


def _k_means(vectors: Floats, count: int, random: np.random.Generator) -> Floats:
    """Return `count` centres; one that loses all its vectors begins anew at a random vector."""
    centres = vectors[random.permutation(len(vectors))[:count]].copy()
    for _ in range(ROUNDS):
        cell = _closest(vectors, centres)
        order = np.argsort(cell, kind="stable")
        present, first = np.unique(cell[order], return_index=True)
        sums = np.add.reduceat(vectors[order], first, axis=0)
        sizes = np.diff(np.append(first, len(order)))
        centres[present] = sums / sizes[:, None]
        empty = np.setdiff1d(np.arange(count), present)
        centres[empty] = vectors[random.integers(0, len(vectors), len(empty))]
    return centres


def _closest(vectors: Floats, centres: Floats) -> NDArray[np.int64]:
    """Return the nearest centre of each vector by Euclidean distance, in pieces that fit into memory."""
    half = (centres**2).sum(axis=1) / 2
    pieces = [
        np.argmax(vectors[start : start + 8192] @ centres.T - half, axis=1) for start in range(0, len(vectors), 8192)
    ]
    return np.concatenate(pieces)
