"""PostgreSQL with the pgvector extension: one table an index, searched through an HNSW graph."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lyceum.errors import OperatorError, Unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

EF = 200  # how many candidates a search keeps; 40, the default, lost one neighbour in ten
MOST_EF = 1000  # pgvector's own limit
SECONDS = 10


class PostgresVectors:
    """The role needs CREATE in its schema, and the extension `vector` must exist or be creatable by it."""

    def __init__(self, url: str, name: str, dimensions: int) -> None:
        import psycopg  # its absence is an ImportError here, which the caller explains
        from psycopg import sql

        self._psycopg: Any = psycopg
        self._sql = sql
        self._url = url
        self._table = sql.Identifier(f"lyceum_{name}"[:60])
        self._graph = sql.Identifier(f"lyceum_{name}"[:55] + "_hnsw")
        self._dimensions = dimensions
        self._held: Any = None
        self._make()

    def _make(self) -> None:
        with self._cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'")
            if cursor.fetchone() is None:
                cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
            cursor.execute(
                self._sql.SQL(
                    "CREATE TABLE IF NOT EXISTS {}(id bigint PRIMARY KEY, embedding vector({}) NOT NULL)"
                ).format(self._table, self._sql.Literal(self._dimensions))
            )

    def ids(self) -> set[int]:
        with self._cursor() as cursor:
            cursor.execute(self._sql.SQL("SELECT id FROM {}").format(self._table))
            return {int(row[0]) for row in cursor.fetchall()}

    def add(self, ids: Sequence[int], vectors: Floats) -> None:
        statement = self._sql.SQL(
            "INSERT INTO {}(id, embedding) VALUES (%s, %s::vector)"
            " ON CONFLICT (id) DO UPDATE SET embedding = excluded.embedding"
        ).format(self._table)
        with self._cursor() as cursor:
            cursor.executemany(statement, [(key, _text(row)) for key, row in zip(ids, vectors, strict=True)])

    def remove(self, ids: Sequence[int]) -> None:
        with self._cursor() as cursor:
            cursor.execute(self._sql.SQL("DELETE FROM {} WHERE id = ANY(%s)").format(self._table), (list(ids),))

    def nearest(self, vector: Floats, limit: int, among: Sequence[int] | None = None) -> list[tuple[int, float]]:
        only = self._sql.SQL("WHERE id = ANY(%(among)s)" if among is not None else "")
        with self._cursor() as cursor:
            cursor.execute(f"SET LOCAL hnsw.ef_search = {min(max(EF, limit), MOST_EF)}")
            cursor.execute("SET LOCAL hnsw.iterative_scan = strict_order")  # a filter must not empty the answer
            cursor.execute(
                self._sql.SQL(
                    "SELECT id, 1 - (embedding <=> %(vector)s::vector) FROM {} {}"
                    " ORDER BY embedding <=> %(vector)s::vector LIMIT %(limit)s"
                ).format(self._table, only),
                {"vector": _text(vector), "among": list(among or ()), "limit": limit},
            )
            return [(int(key), float(cosine)) for key, cosine in cursor.fetchall()]

    def optimize(self) -> None:
        with self._cursor() as cursor:
            cursor.execute(
                self._sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} USING hnsw (embedding vector_cosine_ops)").format(
                    self._graph, self._table
                )
            )
            cursor.execute(self._sql.SQL("ANALYZE {}").format(self._table))

    def drop(self) -> None:
        with self._cursor() as cursor:
            cursor.execute(self._sql.SQL("DROP TABLE {}").format(self._table))
        self._make()

    def close(self) -> None:
        if self._held is not None:
            self._held.close()

    @contextmanager
    def _cursor(self) -> Generator[Any]:
        """One transaction; a connection that was lost is opened again the next time."""
        try:
            if self._held is None or self._held.closed:
                self._held = self._psycopg.connect(self._url, connect_timeout=SECONDS)
            with self._held.transaction(), self._held.cursor() as cursor:
                yield cursor
        except self._psycopg.OperationalError as error:
            raise Unavailable(
                f"PostgreSQL does not answer ({type(error).__name__}).",
                next_step="Start it, or correct servers.retrieval.vectors.url.",
            ) from None
        except self._psycopg.Error as error:
            raise OperatorError(
                f"PostgreSQL refuses (SQLSTATE {error.sqlstate}).",
                next_step="The role must be able to create tables, and the extension vector (pgvector 0.8) must exist.",
            ) from None


def _text(vector: Floats) -> str:
    return "[" + ",".join(map(repr, vector.tolist())) + "]"
