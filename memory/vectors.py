"""The vectors of one owner's turns or facts, kept in memory and brought up to date from what any process wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from memory.database import MemoryFile
from memory.scope import OWN, Scope

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.embeddings import Embedder

Kind = Literal["turns", "facts"]
EMBEDDED = 2000  # characters; a model of 256 tokens reads no further
AT_ONCE = 64  # texts that are embedded between two commits


@dataclass
class _Matrix:
    """Rows up to `size` are filled; `last` is the newest stored row in it, `removals` how often its owner forgot."""

    ids: NDArray[np.int64]
    vectors: NDArray[np.float32]
    size: int = 0
    last: int = 0
    removals: int = 0

    def add(self, ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        import numpy as np

        needed = self.size + len(ids)
        if needed > len(self.ids):  # room for as many again: a turn at a time must not copy everything each time
            room = needed * 2 if self.size else needed
            self.ids = np.concatenate([self.ids[: self.size], np.zeros(room - self.size, dtype=np.int64)])
            more = np.zeros((room - self.size, vectors.shape[1]), dtype=np.float32)
            self.vectors = np.concatenate([self.vectors[: self.size], more])
        self.ids[self.size : needed] = ids
        self.vectors[self.size : needed] = vectors
        self.size = needed


class Vectors:
    """What has no vector yet, or one of another model, is found by its words until `catch_up` has embedded it."""

    def __init__(self, file: MemoryFile, kind: Kind, embedder: Embedder | None) -> None:
        self._file = file
        self._kind: Kind = kind
        self._embedder = embedder
        self._model = f"{embedder.name} {embedder.dimensions}" if embedder else ""
        self._held: dict[tuple[str, str], _Matrix] = {}

    def of_question(self, question: str) -> NDArray[np.float32] | None:
        return self._embedder.embed([question[:EMBEDDED]])[0] if self._embedder else None

    def catch_up(self, scope: Scope, *, most: int = 1000) -> int:
        """Embed up to `most` texts that have no vector of the present model, newest first; returns how many."""
        done = 0
        while self._embedder is not None and done < most:
            rows = self._file.rows(
                f"SELECT id, substr(text, 1, ?) AS text FROM {self._kind} WHERE {OWN}"  # noqa: S608
                " AND (model < ? OR model > ?) ORDER BY id DESC LIMIT ?",
                EMBEDDED, *scope.owner, self._model, self._model, min(AT_ONCE, most - done),
            )  # fmt: skip
            if not rows:
                break
            made = self._embedder.embed([str(row["text"]) for row in rows])
            with self._file.transaction() as database:
                for row, vector in zip(rows, made, strict=True):
                    marked = database.execute(
                        f"UPDATE {self._kind} SET model = ? WHERE id = ? AND substr(text, 1, ?) = ?",  # noqa: S608
                        (self._model, row["id"], EMBEDDED, row["text"]),
                    )
                    if marked.rowcount:  # it was not forgotten or changed meanwhile
                        database.execute(
                            "REPLACE INTO vectors(tenant, user, kind, id, model, vector) VALUES (?, ?, ?, ?, ?, ?)",
                            (*scope.owner, self._kind, row["id"], self._model, vector.tobytes()),
                        )
            done += len(rows)
        return done

    def matrix(self, scope: Scope) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return ids and their vectors, float32 (n, d), for everything of the scope's owner."""
        import numpy as np

        width = self._embedder.dimensions if self._embedder else 1
        row = self._file.one(f"SELECT count FROM removals WHERE {OWN}", *scope.owner)  # noqa: S608
        removals = int(row["count"]) if row else 0
        held = self._held.get(scope.owner)
        if held is None or held.removals != removals:
            held = _Matrix(np.zeros(0, dtype=np.int64), np.zeros((0, width), dtype=np.float32), removals=removals)
        rows = self._file.rows(
            f"SELECT row, id, vector FROM vectors WHERE {OWN} AND kind = ? AND model = ? AND row > ? ORDER BY row",  # noqa: S608
            *scope.owner, self._kind, self._model, held.last,
        )  # fmt: skip
        if rows:
            joined = b"".join(row["vector"] for row in rows)
            held.add([int(row["id"]) for row in rows], np.frombuffer(joined, dtype=np.float32).reshape(-1, width))
            held.last = int(rows[-1]["row"])
        self._held[scope.owner] = held
        return held.ids[: held.size], held.vectors[: held.size]


def placeholders(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
