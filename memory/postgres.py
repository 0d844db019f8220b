"""The memory in PostgreSQL with pgvector, for several machines: the same statements, words ranked by the same BM25.

PostgreSQL's own text search knows no rare words, so the stems of every text are kept in a table of their own and ranked
as FTS5 ranks them, over the texts of one owner. Vectors are compared by pgvector, exactly.
"""

from __future__ import annotations

import re
import threading
import weakref
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from lyceum.errors import LyceumError, OperatorError, StoreFailed
from lyceum.extras import install_command
from memory.index import Owner, VectorIndex
from memory.postgres_schema import SCHEMA, VERSION
from memory.scope import OWN, SEEN, Scope
from memory.sql import INDEXED, Connection, Cursor, Kind, Row
from models.analysis import bags, term_ids, words
from models.hybrid import terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from psycopg import Connection as Held

_K1, _B = 1.2, 0.75  # FTS5's
PENDING = 200  # texts whose stems are worked out at once
# The tables are made by one process at a time, and a write of everything waits for those of every owner.
_MAKING, _WRITING = 7231946, 7231947

_PATH = "SELECT set_config('search_path', 'lyceum_memory, ' || current_setting('search_path'), false)"

_BY_WORDS = f"""
WITH asked AS (
    SELECT id, term, times FROM words WHERE {OWN} AND kind = ? AND term = ANY(?)
), rare AS (
    SELECT term, ln(1 + greatest((size.texts - count(*) + 0.5) / (count(*) + 0.5) - 1, 1e-6)) AS worth
    FROM asked, (SELECT coalesce(max(texts), 0) AS texts FROM sizes WHERE {OWN} AND kind = ?) size
    GROUP BY term, size.texts
), mean AS (SELECT max(total)::float8 / greatest(max(texts), 1) AS length FROM sizes WHERE {OWN} AND kind = ?)
SELECT t.id, sum(rare.worth * asked.times * {_K1 + 1}
    / (asked.times + {_K1} * ({1 - _B} + {_B} * t.length / mean.length))) AS score
FROM asked JOIN rare USING (term) CROSS JOIN mean JOIN {{kind}} t ON t.id = asked.id
WHERE {{seen}}{{where}} GROUP BY t.id ORDER BY score DESC, t.id LIMIT ?
"""  # noqa: S608 - our own names


class PostgresMemory:
    """A `Database` at a `postgresql://` address; it connects when it is first used, and again when the server was away.

    Raises OperatorError without psycopg or pgvector, StoreFailed where the server does not answer; never in its words,
    which may hold what was to be kept.
    """

    rowid: ClassVar[str] = "ctid"

    def __init__(self, address: str) -> None:
        try:
            import psycopg
        except ModuleNotFoundError:
            raise OperatorError(
                "PostgreSQL's driver is not installed.", next_step=install_command("postgres")
            ) from None
        self._psycopg = psycopg
        self._address = address
        self._lock = threading.RLock()
        self._held: Held[dict[str, Any]] | None = None

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (self._psycopg.Error,)

    def close(self) -> None:
        if self._held is not None:
            self._held.close()

    @contextmanager
    def transaction(self, scope: Scope | None = None) -> Generator[Connection]:
        with self._answering() as held, held.transaction():
            database = _Translated(held)
            if scope is None:
                database.execute("SELECT pg_advisory_xact_lock(?)", (_WRITING,))
            else:
                database.execute("SELECT pg_advisory_xact_lock_shared(?)", (_WRITING,))
                database.execute("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", ("\x1f".join(scope.owner),))
            yield database
            for kind in INDEXED:
                self._index_words(database, kind, scope)

    def rows(self, sql: str, *values: object) -> list[Row]:
        with self._answering() as held:
            return _Translated(held).execute(sql, values).fetchall()

    def one(self, sql: str, *values: object) -> Row | None:
        return next(iter(self.rows(sql, *values)), None)

    def by_words(
        self, kind: Kind, question: str, scope: Scope, where: str, values: Sequence[object], depth: int
    ) -> dict[int, float]:
        asked = list(dict.fromkeys(term_ids(words(" ".join(terms(question))))))
        if not asked:
            return {}
        sql = _BY_WORDS.format(kind=kind, seen=SEEN, where=where)
        sized = (*scope.owner, kind)
        rows = self.rows(sql, *sized, asked, *sized, *sized, *scope.place, *values, depth)
        return {int(row["id"]): float(row["score"]) for row in rows}

    def nearest(self, kind: Kind, model: str) -> VectorIndex:
        return _PgVector(self, kind, model)

    def stored(self, vector: NDArray[np.float32]) -> object:
        return as_text(vector)

    def read(self, vectors: Sequence[Any], width: int) -> NDArray[np.float32]:
        import numpy as np

        return np.array([each.strip("[]").split(",") for each in vectors], dtype=np.float32).reshape(-1, width)

    def rebuild_index(self) -> None:
        with self.transaction() as database:
            database.execute("DELETE FROM words")
            database.execute("DELETE FROM sizes")
            for kind in INDEXED:
                database.execute(f"UPDATE {kind} SET length = NULL")  # noqa: S608 - our own names

    def sweep(self) -> None:
        """Free the rows of what was deleted; the server's log and backups are its operator's."""
        with self._answering() as held:
            for table in ("turns", "facts", "blocks", "block_edits", "summaries", "words", "vectors"):
                held.execute(f"VACUUM {table}")  # pyright: ignore[reportArgumentType]

    def _index_words(self, database: _Translated, kind: Kind, scope: Scope | None) -> None:
        """Keep the stems of every text that was written or changed in this transaction."""
        owned, owner = (f"{OWN} AND ", scope.owner) if scope else ("", ())
        read = ", ".join(INDEXED[kind])
        while rows := database.execute(
            f"SELECT id, tenant, user, {read} FROM {kind} WHERE {owned}length IS NULL LIMIT ?",  # noqa: S608
            (*owner, PENDING),
        ).fetchall():
            found = bags([" ".join(row[name] for name in INDEXED[kind]) for row in rows])
            for row, bag in zip(rows, found, strict=True):
                key = (row["tenant"], row["user"], kind)
                database.execute(
                    "INSERT INTO words(tenant, user, kind, id, term, times)"
                    " SELECT ?, ?, ?, ?, unnest(?::bigint[]), unnest(?::integer[])",
                    (*key, row["id"], list(bag), list(bag.values())),
                )
                database.execute(f"UPDATE {kind} SET length = ? WHERE id = ?", (bag.total(), row["id"]))  # noqa: S608
                database.execute(
                    "INSERT INTO sizes(tenant, user, kind, texts, total) VALUES (?, ?, ?, 1, ?)"
                    " ON CONFLICT (tenant, user, kind) DO UPDATE SET texts = sizes.texts + 1,"
                    " total = sizes.total + excluded.total",
                    (*key, bag.total()),
                )

    @contextmanager
    def _answering(self) -> Generator[Held[dict[str, Any]]]:
        with self._lock:
            try:
                if self._held is None or self._held.closed:
                    self._held = self._connect()
                    weakref.finalize(self, self._held.close)  # a server that ends has nobody to close it
                yield self._held
            except LyceumError:
                raise
            except self._psycopg.Error as error:
                raise StoreFailed(
                    f"The memory in PostgreSQL did not answer ({type(error).__name__}); nothing of a write was kept.",
                    next_step="Check that the server of servers.memory.url runs, and its free space.",
                ) from None

    def _connect(self) -> Held[dict[str, Any]]:
        from psycopg.rows import dict_row

        rows: Any = dict_row
        made: Any = self._psycopg.connect(self._address, autocommit=True, row_factory=rows, connect_timeout=10)
        try:
            with made.transaction():
                made.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING,))
                made.execute(_PATH)
                if made.execute("SELECT to_regclass('lyceum_memory.version') AS made").fetchone()["made"] is None:
                    made.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
                    made.execute("CREATE SCHEMA IF NOT EXISTS lyceum_memory")
                    made.execute(SCHEMA)
                    made.execute("INSERT INTO version VALUES (%s)", (VERSION,))
        except self._psycopg.Error as error:
            made.close()
            raise OperatorError(
                f"The memory's tables cannot be made in PostgreSQL ({type(error).__name__}).",
                next_step="Let the extension `vector` be created there, and this role create a schema.",
            ) from None
        return made


class _PgVector:
    """pgvector's comparison over the rows themselves: nothing to bring up to date."""

    told: ClassVar[str] = "never"
    name = "pgvector"

    def __init__(self, database: PostgresMemory, kind: Kind, model: str) -> None:
        self._database = database
        self._which = (kind, model)

    def add(self, owner: Owner, ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        del owner, ids, vectors

    def remove(self, owner: Owner, ids: Sequence[int]) -> None:
        del owner, ids

    def clear(self, owner: Owner) -> None:
        del owner

    def search(self, owner: Owner, vector: NDArray[np.float32], depth: int) -> dict[int, float]:
        asked = as_text(vector)
        rows = self._database.rows(
            f"SELECT id, 1 - (vector <=> ?::vector) AS cosine FROM vectors WHERE {OWN} AND kind = ? AND model = ?"  # noqa: S608
            " ORDER BY vector <=> ?::vector LIMIT ?",
            asked, *owner, *self._which, asked, depth,
        )  # fmt: skip
        return {int(row["id"]): float(row["cosine"]) for row in rows}

    def count(self, owner: Owner) -> int:
        sql = f"SELECT count(*) AS n FROM vectors WHERE {OWN} AND kind = ? AND model = ?"  # noqa: S608
        row = self._database.one(sql, *owner, *self._which)
        return int(row["n"]) if row else 0


class _Translated:
    """A connection that takes statements as SQLite reads them."""

    def __init__(self, held: Held[dict[str, Any]]) -> None:
        self._held: Any = held

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor:
        return self._held.execute(translated(sql), [_plain(value) for value in parameters])

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> None:
        for each in parameters:
            self.execute(sql, each)


@lru_cache(maxsize=256)
def translated(sql: str) -> str:
    """Return a statement as PostgreSQL reads it: `user` is a function there, and a join says what it joins on."""
    sql = sql.replace("%", "%%").replace("?", "%s")
    sql = re.sub(r"(?<![\w\"'])user(?![\w\"'])", '"user"', sql)
    return re.sub(r"CROSS JOIN (turns \w) ON", r"JOIN \1 ON", sql)


def as_text(vector: NDArray[np.float32]) -> str:
    return "[" + ",".join(f"{value:.9g}" for value in vector.tolist()) + "]"


def _plain(value: Any) -> Any:
    # PostgreSQL's text holds no NUL: a name with one is nobody's.
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value
