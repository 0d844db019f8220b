"""Qdrant Edge: an HNSW graph (Malkov and Yashunin 2016) in this process, for one process at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lyceum.errors import OperatorError, Unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

AT_ONCE = 2000  # vectors of one update
EF = 256  # how many candidates a search keeps at least; 128 (the graph's own) lost one neighbour in fifty


class EdgeVectors:
    """Raises Unavailable where another process has the index open, OperatorError where it cannot be read."""

    def __init__(self, folder: Path, dimensions: int) -> None:
        import qdrant_edge  # its absence is an ImportError here, which the caller explains

        self._edge: Any = qdrant_edge
        self._folder = folder
        self._dimensions = dimensions
        folder.parent.mkdir(parents=True, exist_ok=True)
        guard = os.open(folder.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        self._let_go = weakref.finalize(self, os.close, guard)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._let_go()
            raise Unavailable("Another process has the vector index open.", next_step="Close it, or wait.") from None
        self._shard = self._opened()

    def _opened(self) -> Any:
        edge = self._edge
        vectors = edge.EdgeVectorParams(size=self._dimensions, distance=edge.Distance.Dot)
        config = edge.EdgeConfig(vectors=vectors, optimizers=edge.EdgeOptimizersConfig(indexing_threshold=1000))
        try:
            if self._folder.exists():
                return edge.EdgeShard.load(str(self._folder), config)
            self._folder.mkdir()
            return edge.EdgeShard.create(str(self._folder), config)
        except Exception as error:
            self._let_go()
            raise OperatorError(
                f"The vector index cannot be opened ({type(error).__name__}).",
                next_step=f"Delete {self._folder}; it is made again from the collection.",
            ) from error

    def ids(self) -> set[int]:
        found: set[int] = set()
        offset = None
        while True:
            records, offset = self._shard.scroll(
                self._edge.ScrollRequest(limit=10_000, offset=offset, with_payload=False, with_vector=False)
            )
            found |= {int(record.id) for record in records}
            if offset is None:
                return found

    def add(self, ids: Sequence[int], vectors: Floats) -> None:
        for some in _runs(len(ids), AT_ONCE):
            points = [self._edge.Point(ids[n], vectors[n].tolist()) for n in some]
            self._shard.update(self._edge.UpdateOperation.upsert_points(points))

    def remove(self, ids: Sequence[int]) -> None:
        for some in _runs(len(ids), AT_ONCE):
            self._shard.update(self._edge.UpdateOperation.delete_points([ids[n] for n in some]))

    def nearest(self, vector: Floats, limit: int, among: Sequence[int] | None = None) -> list[tuple[int, float]]:
        edge = self._edge
        chosen = None if among is None else edge.Filter(must=[edge.HasIdCondition(set(among))])
        found = self._shard.query(
            edge.QueryRequest(
                limit=limit,
                query=edge.Query.Nearest(vector.tolist()),
                filter=chosen,
                params=edge.SearchParams(hnsw_ef=max(EF, limit)),
            )
        )
        return [(int(point.id), float(point.score)) for point in found]

    def optimize(self) -> None:
        self._shard.optimize()  # until then what is new is scanned
        self._shard.flush()

    def drop(self) -> None:
        self._shard.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._shard = self._opened()

    def close(self) -> None:
        self._shard.close()
        self._let_go()


def _runs(count: int, size: int) -> Iterator[range]:
    for start in range(0, count, size):
        yield range(start, min(start + size, count))
