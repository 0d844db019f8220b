"""Every cosine, one matrix product: right by definition, and fast up to some ten thousand passages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


class ExactVectors:
    """Keeps nothing on disk: the collection fills it when it is opened."""

    def __init__(self, dimensions: int) -> None:
        self._ids = np.zeros(0, dtype=np.int64)
        self._vectors = np.zeros((0, dimensions), dtype=np.float32)

    def ids(self) -> set[int]:
        return set(self._ids.tolist())

    def add(self, ids: Sequence[int], vectors: Floats) -> None:
        self.remove(ids)
        self._ids = np.concatenate([self._ids, np.array(ids, dtype=np.int64)])
        self._vectors = np.concatenate([self._vectors, vectors]) if len(self._vectors) else vectors
        order = np.argsort(self._ids, kind="stable")
        if (order[1:] < order[:-1]).any():
            self._ids, self._vectors = self._ids[order], self._vectors[order]

    def remove(self, ids: Sequence[int]) -> None:
        gone = np.isin(self._ids, np.array(ids, dtype=np.int64))
        if gone.any():
            self._ids, self._vectors = self._ids[~gone], self._vectors[~gone]

    def nearest(self, vector: Floats, limit: int, among: Sequence[int] | None = None) -> list[tuple[int, float]]:
        ids, vectors = self._ids, self._vectors
        if among is not None:
            kept = np.isin(ids, np.array(among, dtype=np.int64))
            ids, vectors = ids[kept], vectors[kept]
        cosines = vectors @ vector
        rows = np.sort(np.argpartition(-cosines, limit - 1)[:limit]) if len(ids) > limit else np.arange(len(ids))
        rows = rows[np.argsort(-cosines[rows], kind="stable")]
        return list(zip(ids[rows].tolist(), cosines[rows].tolist(), strict=True))

    def optimize(self) -> None:
        pass

    def drop(self) -> None:
        self.remove(self._ids.tolist())

    def close(self) -> None:
        pass
