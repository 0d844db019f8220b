"""The vectors of turns or facts: made from their texts, kept in the database, and told to an index that compares."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from memory.grown import Grown
from memory.index import Exact, VectorIndex
from memory.ranking import by_meaning
from memory.scope import OWN, Scope
from memory.sql import Database, Kind, Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.embeddings import Embedder

EMBEDDED = 2000  # characters; a model of 256 tokens reads no further
AT_ONCE = 64  # texts that are embedded between two commits
TOLD_AT_ONCE = 20_000  # vectors that an index is told of at once


class Vectors:
    """What has no vector yet, or one of another model, is found by its words until `catch_up` has embedded it."""

    def __init__(self, file: Database, kind: Kind, embedder: Embedder | None, index: VectorIndex | None = None) -> None:
        self._file = file
        self._kind: Kind = kind
        self._embedder = embedder
        self._model = f"{embedder.name} {embedder.dimensions}" if embedder else ""
        self._index: VectorIndex = index or file.nearest(kind, self._model) or Exact()
        self._told: dict[tuple[str, str], tuple[int, int]] = {}
        self._telling = threading.Lock()

    def of_question(self, question: str) -> NDArray[np.float32] | None:
        return self._embedder.embed([question[:EMBEDDED]])[0] if self._embedder else None

    def catch_up(self, scope: Scope, *, most: int = 1000) -> int:
        """Embed up to `most` texts that have no vector of the present model, newest first; returns how many."""
        done = 0
        while self._embedder is not None and done < most:
            if (other := self._other_model(scope)) is None:
                break
            rows = self._file.rows(
                f"SELECT id, substr(text, 1, ?) AS text FROM {self._kind} WHERE {OWN}"  # noqa: S608
                " AND model = ? ORDER BY id DESC LIMIT ?",
                EMBEDDED, *scope.owner, other, min(AT_ONCE, most - done),
            )  # fmt: skip
            made = self._embedder.embed([str(row["text"]) for row in rows])
            with self._file.transaction(scope) as database:
                for row, vector in zip(rows, made, strict=True):
                    marked = database.execute(
                        f"UPDATE {self._kind} SET model = ? WHERE id = ? AND substr(text, 1, ?) = ?",  # noqa: S608
                        (self._model, row["id"], EMBEDDED, row["text"]),
                    )
                    if marked.rowcount:  # it was not forgotten or changed meanwhile
                        database.execute("DELETE FROM vectors WHERE kind = ? AND id = ?", (self._kind, row["id"]))
                        database.execute(
                            "INSERT INTO vectors(tenant, user, kind, id, model, vector) VALUES (?, ?, ?, ?, ?, ?)",
                            (*scope.owner, self._kind, row["id"], self._model, self._file.stored(vector)),
                        )
            done += len(rows)
        return done

    def _other_model(self, scope: Scope) -> str | None:
        """Return a model whose vectors are to be replaced ("" for what has none); found at an end of the index."""
        for than, order in (("<", "ASC"), (">", "DESC")):
            row = self._file.one(
                f"SELECT model FROM {self._kind} WHERE {OWN} AND model {than} ? ORDER BY model {order} LIMIT 1",  # noqa: S608
                *scope.owner, self._model,
            )  # fmt: skip
            if row is not None:
                return str(row["model"])
        return None

    def among(self, scope: Scope, vector: NDArray[np.float32], ids: Sequence[int], depth: int) -> dict[int, float]:
        """Return the cosine by id of the `depth` nearest of some rows, compared exactly."""
        import numpy as np

        if self._embedder is None:
            return {}
        found: list[Row] = []
        for first in range(0, len(ids), 900):
            some = ids[first : first + 900]
            found += self._file.rows(
                f"SELECT id, vector FROM vectors WHERE {OWN} AND kind = ? AND model = ?"  # noqa: S608
                f" AND id IN ({placeholders(some)})",
                *scope.owner, self._kind, self._model, *some,
            )  # fmt: skip
        held = self._file.read([row["vector"] for row in found], self._embedder.dimensions)
        return by_meaning(np.array([int(row["id"]) for row in found], dtype=np.int64), held, vector, depth)

    def nearest(self, scope: Scope, vector: NDArray[np.float32], depth: int) -> dict[int, float]:
        """Return the cosine by id of the `depth` nearest of the scope's owner; agent and project are not looked at."""
        self._tell(scope)
        return self._index.search(scope.owner, vector, depth)

    def rebuild(self, scope: Scope) -> int:
        """Make the index of the scope's owner anew from the vectors kept in the database; returns how many it holds."""
        with self._telling:
            self._index.clear(scope.owner)
            self._keep_told(scope, 0, 0)
        self._tell(scope)
        return self._index.count(scope.owner)

    def settle(self, scope: Scope) -> None:
        """Bring an index that stands elsewhere up to date now: what was forgotten leaves it."""
        self._tell(scope)

    def matrix(self, scope: Scope) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return ids and vectors, float32 (n, d), of everything of the scope's owner, as the database has them."""
        import numpy as np

        rows = self._vectors_after(scope, 0, 2**62)
        width = self._embedder.dimensions if self._embedder else 1
        vectors = self._file.read([row["vector"] for row in rows], width)
        return np.array([row["id"] for row in rows], dtype=np.int64), vectors

    def _tell(self, scope: Scope) -> None:
        """Tell the index what was removed and written since, by whichever process."""
        if self._index.told == "never" or self._embedder is None:
            return
        with self._telling:
            if isinstance(self._index, Grown) and (came := self._index.begins(scope.owner)) is not None:
                self._told[scope.owner] = came
            written, removed = self._already_told(scope)
            gone = self._file.rows(
                f"SELECT row, kind, id FROM removed WHERE {OWN} AND kind IN (?, '') AND row > ? ORDER BY row",  # noqa: S608
                *scope.owner, self._kind, removed,
            )  # fmt: skip
            if any(not row["kind"] for row in gone):
                self._index.clear(scope.owner)
            elif gone:
                self._index.remove(scope.owner, [int(row["id"]) for row in gone])
            if gone:
                self._keep_told(scope, written, removed := int(gone[-1]["row"]))
            while rows := self._vectors_after(scope, written, TOLD_AT_ONCE):
                vectors = self._file.read([row["vector"] for row in rows], self._embedder.dimensions)
                self._index.add(scope.owner, [int(row["id"]) for row in rows], vectors)
                self._keep_told(scope, written := int(rows[-1]["row"]), removed)
                if len(rows) < TOLD_AT_ONCE:
                    break

    def _vectors_after(self, scope: Scope, row: int, most: int) -> list[Row]:
        return self._file.rows(
            f"SELECT row, id, vector FROM vectors WHERE {OWN} AND kind = ? AND model = ? AND row > ?"  # noqa: S608
            " ORDER BY row LIMIT ?",
            *scope.owner, self._kind, self._model, row, most,
        )  # fmt: skip

    def _already_told(self, scope: Scope) -> tuple[int, int]:
        """Return the last rows of `vectors` and `removed` that the index knows of."""
        if self._index.told == "once":
            row = self._file.one(f"SELECT * FROM told WHERE {OWN} AND name = ?", *scope.owner, self._name)  # noqa: S608
            return (int(row["written"]), int(row["gone"])) if row else (0, 0)
        if scope.owner not in self._told:  # an empty index has nothing to remove
            row = self._file.one(f"SELECT max(row) AS row FROM removed WHERE {OWN}", *scope.owner)  # noqa: S608
            self._told[scope.owner] = 0, int(row["row"] or 0) if row else 0
        return self._told[scope.owner]

    def _keep_told(self, scope: Scope, written: int, removed: int) -> None:
        self._told[scope.owner] = written, removed
        if self._index.told == "once":
            with self._file.transaction(scope) as database:
                database.execute(
                    "INSERT INTO told(tenant, user, name, written, gone) VALUES (?, ?, ?, ?, ?)"
                    " ON CONFLICT(tenant, user, name) DO UPDATE SET written = excluded.written, gone = excluded.gone",
                    (*scope.owner, self._name, written, removed),
                )

    @property
    def _name(self) -> str:
        return f"{self._index.name} {self._kind} {self._model}"


def placeholders(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
