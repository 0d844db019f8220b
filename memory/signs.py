"""Which of very many vectors are worth comparing: those whose signs agree with the question's in most dimensions.

One bit a dimension (Charikar 2002) is 48 MB for a million vectors of 384, read in 4 ms; the few that are left are
compared exactly. How many of the nearest are found is measured on the vectors themselves, and where that is too few,
all are compared.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

FROM = 150_000  # below, comparing with all takes no longer
SHARES = (0.01, 0.02, 0.05)  # of all, that are compared; the first that finds enough is taken
LEAST = 1000  # that are compared
ENOUGH = 0.95  # of the ten nearest
SAMPLE = 20
TAIL = 20_000  # the newest, which may have no signs yet and are always compared
AT_ONCE = 50_000


class Signs:
    """The signs of a matrix's rows, which grows at its end: `follow` it, then ask for `rows`."""

    def __init__(self) -> None:
        self._middle: Floats = np.zeros(0, dtype=np.float32)
        self._codes: NDArray[np.uint64] = np.zeros((0, 0), dtype=np.uint64)  # (d / 64, rows)
        self._measured = 0
        self.share = 1.0
        self.recall = 1.0

    def follow(self, vectors: Floats) -> None:
        """Take in what came at the end of `vectors`, float32 (n, d), where it is enough to matter."""
        coded = self._codes.shape[1]
        if len(vectors) < FROM or len(vectors) - coded <= TAIL // 2:
            return
        if not len(self._middle):
            self._middle = vectors[:: max(1, len(vectors) // 10_000)].mean(axis=0)
        parts = [self._of(vectors[first : first + AT_ONCE]) for first in range(coded, len(vectors), AT_ONCE)]
        self._codes = np.concatenate([self._codes, *parts], axis=1) if coded else np.concatenate(parts, axis=1)
        if len(vectors) >= 2 * self._measured:
            self._measure(vectors)

    def only(self, kept: NDArray[np.bool_]) -> Signs:
        """Return the signs of the rows that are kept; whoever searches at this moment has the old ones."""
        left = copy(self)
        left._codes = np.ascontiguousarray(self._codes[:, kept[: self._codes.shape[1]]])
        return left

    def rows(self, vectors: Floats, question: Floats) -> NDArray[np.int64] | None:
        """Return the rows worth comparing with the question, float32 (d,); None where that is every row."""
        return self._rows(len(vectors), question, self.share) if self.share < 1 and len(vectors) >= FROM else None

    def _of(self, vectors: Floats) -> NDArray[np.uint64]:
        bits = np.packbits(vectors > self._middle, axis=1)
        whole = np.pad(bits, ((0, 0), (0, -bits.shape[1] % 8)))
        return np.ascontiguousarray(whole.view(np.uint64).T)

    def _rows(self, count: int, question: Floats, share: float) -> NDArray[np.int64]:
        codes = self._codes[:, :count]
        differ = np.zeros(codes.shape[1], dtype=np.uint16)
        for code, asked in zip(codes, self._of(question[None])[:, 0], strict=True):
            differ += np.bitwise_count(code ^ asked)
        some = differ[::8]  # enough to tell how many signs the nearest differ in
        place = min(max(int(len(some) * share), LEAST // 8), len(some) - 1)
        near = np.flatnonzero(differ <= np.partition(some, place)[place])
        return np.concatenate([near, np.arange(len(differ), count)])

    def _measure(self, vectors: Floats) -> None:
        """Choose the share by stored vectors and by means of two of them, seeded."""
        self._measured = len(vectors)
        chosen = vectors[np.random.default_rng(1).choice(len(vectors), size=SAMPLE, replace=False)].copy()
        chosen[: SAMPLE // 2] += chosen[SAMPLE // 2 :]
        asked = chosen / np.linalg.norm(chosen, axis=1, keepdims=True).clip(min=1e-9)
        truth = [set(np.argpartition(-(vectors @ each), 9)[:10].tolist()) for each in asked]
        for self.share in (*SHARES, 1.0):
            if self.share == 1.0:
                self.recall = 1.0
                return
            found = 0
            for each, nearest in zip(asked, truth, strict=True):
                rows = self._rows(len(vectors), each, self.share)
                best = rows[np.argpartition(-(vectors[rows] @ each), 9)[:10]]
                found += len(nearest & set(best.tolist()))
            self.recall = found / (10 * SAMPLE)
            if self.recall >= ENOUGH:
                return
