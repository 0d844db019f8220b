"""What memory asks of a database: the same statements for SQLite and PostgreSQL, and what each does in its own way.

Statements are written with `?` for values and run unchanged on SQLite; postgres.py says what it reads differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from memory.index import VectorIndex
from memory.scope import Scope

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["turns", "facts"]
INDEXED: dict[Kind, tuple[str, ...]] = {"turns": ("speaker", "text"), "facts": ("text",)}  # columns whose words count


class Row(Protocol):
    def __getitem__(self, name: str, /) -> Any: ...

    def keys(self) -> Iterable[str]: ...


class Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...


class Connection(Protocol):
    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor: ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> object: ...


class Database(Protocol):
    """The tables of blocks, turns, facts and summaries; safe for several threads and processes.

    Methods raise OperatorError where the database cannot be read, StoreFailed where it takes no write: then nothing of
    that write is kept.
    """

    rowid: ClassVar[str]  # the column that every table has, by which a row is named within one transaction

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What a statement raises that the database refuses."""
        ...

    def transaction(self, scope: Scope | None = None) -> AbstractContextManager[Connection]:
        """One write that happens as a whole or not at all; those of one owner, or without a scope, one at a time."""
        ...

    def rows(self, sql: str, *values: object) -> list[Row]: ...

    def one(self, sql: str, *values: object) -> Row | None: ...

    def by_words(
        self, kind: Kind, question: str, scope: Scope, where: str, values: Sequence[object], depth: int
    ) -> dict[int, float]:
        """Return BM25 by id of the best `depth` rows of `kind` (as `t`) that the scope sees, `where` narrowing them."""
        ...

    def nearest(self, kind: Kind, model: str) -> VectorIndex | None:
        """Return the database's own index of vectors; None where it only keeps them."""
        ...

    def stored(self, vector: NDArray[np.float32]) -> object:
        """Return a vector, float32 (d,), as the column takes it."""
        ...

    def read(self, vectors: Sequence[Any], width: int) -> NDArray[np.float32]:
        """Return what the column gave as float32 (n, `width`)."""
        ...

    def rebuild_index(self) -> None:
        """Make the word indexes anew from the text itself, which is all that they were made of."""
        ...

    def sweep(self) -> None:
        """Leave nothing of deleted text where the database can do so."""
        ...

    def close(self) -> None: ...
