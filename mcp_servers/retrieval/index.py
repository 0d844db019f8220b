"""What a collection is searched by at one moment: terms in memory, vectors exactly or in an index, and near copies."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lyceum.errors import OperatorError
from mcp_servers.retrieval.vectors import Kind, VectorIndex, VectorSettings, chosen, open_index
from mcp_servers.retrieval.vectors.exact import ExactVectors
from models.hybrid import Hit
from models.lexical import LexicalIndex
from models.retriever import Retriever

if TYPE_CHECKING:
    from models.retriever import Floats, Mask, Rows

HASHES, BAND = 16, 4  # four bands of four: texts that share 0.9 of their terms meet with probability 0.98
ALIKE = 0.85  # share of terms in common from which two passages say the same
SAMPLE = 50  # questions that recall is measured with
NEIGHBOURS = 10
LEAST_RECALL = 0.9  # of an index that was not asked for by name


@dataclass(frozen=True)
class Measured:
    """An index of `kind` over `size` vectors; recall is the share of the ten true neighbours that it finds."""

    kind: str
    size: int
    recall: float
    sample: int
    milliseconds: float


class CollectionIndex:
    """`rows` are id, bag, document, kind and vector of every passage, in the order of ids.

    `kept` is the vector index of the moment before: only what changed is added to it or removed.
    """

    def __init__(
        self,
        version: str,
        rows: Sequence[sqlite3.Row],
        dimensions: int,
        settings: VectorSettings,
        folder: Path,
        name: str,
        kept: tuple[Kind, VectorIndex] | None,
    ) -> None:
        self.version = version
        self.note = ""
        self.ids = np.array([int(row["id"]) for row in rows], dtype=np.int64)
        self.documents = np.array([int(row["document"]) for row in rows], dtype=np.int64)
        self.lexical = LexicalIndex([row["bag"] for row in rows])
        self._vectors = _matrix(rows, dimensions)
        self._has = np.array([row["vector"] is not None for row in rows], dtype=bool)
        self._kind: Kind = chosen(settings, len(rows))
        self._index: VectorIndex | None = None
        if dimensions:
            if kept is not None and kept[0] != self._kind:
                kept[1].close()
                kept = None
            self._index = kept[1] if kept else self._opened(settings, folder, name, dimensions)
            self._catch_up(self._index)
        if self._kind == "edge" and settings.kind == "auto" and (recall := self.measured().recall) < LEAST_RECALL:
            self._search_exactly(dimensions, recall)
        self._retriever = Retriever(self.ids.tolist(), self.lexical, self if dimensions else None)

    def _opened(self, settings: VectorSettings, folder: Path, name: str, dimensions: int) -> VectorIndex:
        try:
            return open_index(self._kind, settings, folder, name, dimensions)
        except OperatorError as error:
            if settings.kind != "auto":
                raise
            self.note = f"{error.message} The search is exact, and slower."
            self._kind = "exact"
            return open_index("exact", settings, folder, name, dimensions)

    def _search_exactly(self, dimensions: int, recall: float) -> None:
        """Leave an index that loses too much on this data; it stays on disk for the next time."""
        assert self._index is not None
        self._index.close()
        self.note = f"The graph over the vectors finds {recall:.0%} of the nearest, so the search is exact, and slower."
        self._kind = "exact"
        self._index = ExactVectors(dimensions)
        self._catch_up(self._index)

    def _catch_up(self, index: VectorIndex) -> None:
        wanted, held = set(self.ids[self._has].tolist()), index.ids()
        new, gone = np.array(sorted(wanted - held), dtype=np.int64), sorted(held - wanted)
        if gone:
            index.remove(gone)
        if len(new):
            index.add(new.tolist(), self._vectors[np.searchsorted(self.ids, new)])
        if gone or len(new):
            index.optimize()

    def search(self, question: str, vector: Floats | None, limit: int, allowed: Mask | None) -> list[Hit]:
        return self._retriever.search(question, vector, limit, allowed)

    def nearest(self, vector: Floats, depth: int, allowed: Mask | None) -> tuple[Rows, Floats]:
        """Answer the retriever: rows and cosines, best first."""
        if self._index is None or (allowed is not None and not allowed.any()):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        among = None if allowed is None else self.ids[allowed].tolist()
        found = self._index.nearest(vector, min(depth, len(self.ids)), among)
        ids = np.array([key for key, _ in found], dtype=np.int64)
        return np.searchsorted(self.ids, ids), np.array([cosine for _, cosine in found], dtype=np.float32)

    def cosines(self, vector: Floats, rows: Rows) -> Floats:
        return self._vectors[rows] @ vector

    @property
    def vectors(self) -> Floats:
        return self._vectors[self._has]

    def copy_of(self, key: int) -> int:
        """Return the id of the first passage that says nearly the same, or the passage's own."""
        return self._copies.get(key, key)

    @cached_property
    def _copies(self) -> dict[int, int]:
        """Pairs that share a band of their MinHash signatures and, counted exactly, most of their terms."""
        signatures = self.lexical.signatures(HASHES)
        first: dict[bytes, int] = {}
        copies: dict[int, int] = {}
        for row in range(self.lexical.size):
            key = int(self.ids[row])
            for band in range(0, HASHES, BAND):
                seen = first.setdefault(bytes([band]) + signatures[row, band : band + BAND].tobytes(), row)
                if seen != row and key not in copies and self.lexical.similarity(seen, row) >= ALIKE:
                    copies[key] = copies.get(int(self.ids[seen]), int(self.ids[seen]))
        return copies

    @property
    def near_copies(self) -> int:
        return len(self._copies)

    def measured(self) -> Measured:
        """Ask for the neighbours of a seeded sample of the collection's own vectors, and count those that are true."""
        rows = np.flatnonzero(self._has)
        if self._index is None or not len(rows):
            return Measured("words only", 0, 0.0, 0, 0.0)
        sample = np.random.default_rng(7).permutation(rows)[:SAMPLE]
        limit = min(NEIGHBOURS, len(rows))
        # the cosine of the last true neighbour
        truth = np.sort(self._vectors[rows] @ self._vectors[sample].T, axis=0)[-limit]
        found, spent = 0, 0.0
        for number, row in enumerate(sample.tolist()):
            started = time.perf_counter()
            hits = self._index.nearest(self._vectors[row], limit)
            spent += time.perf_counter() - started
            mine = self._vectors[np.searchsorted(self.ids, np.array([key for key, _ in hits]))] @ self._vectors[row]
            found += int((mine >= truth[number] - 1e-5).sum())  # passages alike are as good as each other
        recall = found / (limit * len(sample))
        return Measured(self._kind, len(rows), round(recall, 4), len(sample), round(1000 * spent / len(sample), 3))

    def give_up(self) -> tuple[Kind, VectorIndex] | None:
        return (self._kind, self._index) if self._index is not None else None

    def drop(self) -> None:
        if self._index is not None:
            self._index.drop()

    def close(self) -> None:
        if self._index is not None:
            self._index.close()


def _matrix(rows: Sequence[sqlite3.Row], dimensions: int) -> Floats:
    """Return the vectors, float32 (n, d); what has none is near to nothing."""
    vectors = np.zeros((len(rows), dimensions), dtype=np.float32)
    if dimensions:
        for number, row in enumerate(rows):
            if row["vector"] is not None:
                vectors[number] = np.frombuffer(row["vector"], dtype=np.float32)
    return vectors
