"""One collection: documents, passages, their terms and vectors in one SQLite file that processes can share."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lyceum.errors import OperatorError
from lyceum.run_store import open_database, transaction
from lyceum.sources import Source
from mcp_servers.retrieval.chunks import Chunk
from mcp_servers.retrieval.filters import OF_PASSAGES, Condition
from mcp_servers.retrieval.vectors import VectorSettings

if TYPE_CHECKING:
    from mcp_servers.retrieval.index import CollectionIndex, Measured
    from models.embeddings import Embedder
    from models.rerank import Reranker
    from models.retriever import Floats, Mask

Around = Literal["none", "neighbours", "section"]
RERANKED = 30  # candidates that a reranker reads
LONGEST_CONTEXT = 6000  # characters

_SCHEMA = """
CREATE TABLE IF NOT EXISTS about(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS documents(
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, path TEXT NOT NULL UNIQUE, fingerprint TEXT NOT NULL,
    model TEXT NOT NULL, fields TEXT NOT NULL DEFAULT '{}');
CREATE TABLE IF NOT EXISTS passages(
    id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents, number INTEGER NOT NULL, key TEXT NOT NULL,
    start INTEGER NOT NULL, stop INTEGER NOT NULL, heading TEXT NOT NULL, locator TEXT NOT NULL,
    anchor TEXT NOT NULL, text TEXT NOT NULL, vector BLOB, kind TEXT NOT NULL DEFAULT 'text',
    columns TEXT NOT NULL DEFAULT '', bag BLOB NOT NULL DEFAULT x'', UNIQUE(document, number), UNIQUE(document, key));
"""
# What a collection of an earlier version lacks; its passages get their terms when it is opened.
_ADDED = {
    "documents": {"fields": "TEXT NOT NULL DEFAULT '{}'"},
    "passages": {
        "kind": "TEXT NOT NULL DEFAULT 'text'",
        "columns": "TEXT NOT NULL DEFAULT ''",
        "bag": "BLOB NOT NULL DEFAULT x''",
    },
}
_PASSAGE = (
    "SELECT passages.*, documents.name, documents.path FROM passages JOIN documents ON documents.id = passages.document"
)


@dataclass(frozen=True)
class Passage:
    """A citable source and its span, in characters of the document's extracted text.

    `context` is what stands around it, where that was asked for; `also` are documents that say nearly the same.
    """

    source: Source
    start: int
    end: int
    confidence: float = 1.0
    kind: str = "text"
    columns: str = ""
    context: str = ""
    also: tuple[str, ...] = ()


class Collection:
    """Methods raise OperatorError where the file cannot be read or written.

    Without an embedder passages are found by their words alone; they get vectors when they are next ingested with one.
    `without` is the reason why there is no embedder.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        embedder: Embedder | None,
        without: str = "",
        vectors: VectorSettings | None = None,
    ) -> None:
        self.name = name
        self.folder = folder
        self._without = without
        self._embedder = embedder
        self._vectors = vectors or VectorSettings()
        self._model = f"{embedder.name} {embedder.dimensions}" if embedder else ""
        self._lock = threading.RLock()
        self._database = open_database(folder / f"{name}.db")
        with self._lock:
            self._database.executescript(_SCHEMA)
            self._bring_up_to_date()
        self._index: CollectionIndex | None = None

    def close(self) -> None:
        if self._index is not None:
            self._index.close()
        self._database.close()

    def drop(self) -> None:
        """Forget everything, the vectors of a server included, and close."""
        if self._embedder is not None and self._vectors.kind in ("qdrant", "pgvector"):
            self._current_index().drop()
        edge = self.folder / f"{self._vector_name}.edge"
        self.close()
        shutil.rmtree(edge, ignore_errors=True)
        edge.with_suffix(".lock").unlink(missing_ok=True)

    @property
    def note(self) -> str:
        """What limits a search, and what to do about it; empty where nothing does."""
        if self._embedder is None:
            return f"Search is by words only. {self._without}".strip()
        count = int(self._rows("SELECT count(*) AS n FROM documents WHERE model != ?", self._model)[0]["n"])
        stale = f"{count} documents are found by words only: ingest them again." if count else ""
        return " ".join(filter(None, (stale, self._index.note if self._index else "")))

    def documents(self) -> dict[str, int]:
        """Return the number of passages by document name."""
        rows = self._rows(
            "SELECT name, count(passages.id) FROM documents LEFT JOIN passages ON document = documents.id"
            " GROUP BY documents.id ORDER BY name"
        )
        return {str(name): int(count) for name, count in rows}

    def under(self, root: Path) -> dict[str, str]:
        """Return name by path for the documents that were read from `root` or below it."""
        rows = self._rows("SELECT path, name FROM documents")
        return {str(path): str(name) for path, name in rows if Path(path).is_relative_to(root)}

    def name_for(self, path: Path, root: Path) -> str:
        """Return a document's name: its path within `root`, told apart where another folder's file has it already."""
        known = self._rows("SELECT name FROM documents WHERE path = ?", str(path))
        if known:
            return str(known[0]["name"])
        inside = path.name if root.is_file() else path.relative_to(root).as_posix()
        home = path.parent if root.is_file() else root
        choices = (inside, f"{home.name}/{inside}", f"{_digest(str(home))}/{inside}")
        return next(name for name in choices if not self._has(name))

    def state(self, path: Path, fingerprint: str) -> Literal["new", "changed", "same"]:
        rows = self._rows("SELECT fingerprint, model FROM documents WHERE path = ?", str(path))
        if not rows:
            return "new"
        embedded = rows[0]["model"] == self._model or not self._embedder
        return "same" if embedded and rows[0]["fingerprint"] == fingerprint else "changed"

    def put(
        self, name: str, path: Path, fingerprint: str, chunks: Sequence[Chunk], fields: Mapping[str, str] | None = None
    ) -> None:
        """Add or replace one document in one transaction; passages whose text is unchanged keep their ids."""
        from models.analysis import bags
        from models.lexical import packed

        keys = _keys(chunks)
        terms = [packed(bag) for bag in bags([indexed_text(name, c.heading, c.columns, c.text) for c in chunks])]
        vectors: list[bytes | None] = [None] * len(chunks)
        if self._embedder:
            made = self._embedder.embed([embedded_text(name, chunk) for chunk in chunks])
            vectors = [vector.tobytes() for vector in made]
        with transaction(self._database, self._lock) as database:
            self._remove(database, name)
            document = database.execute(
                "INSERT INTO documents(name, path, fingerprint, model, fields) VALUES (?, ?, ?, ?, ?)",
                (name, str(path), fingerprint, self._model, json.dumps(dict(fields or {}), ensure_ascii=False)),
            ).lastrowid
            first = self._next_id(database, len(chunks))
            for number, (chunk, key, vector) in enumerate(zip(chunks, keys, vectors, strict=True)):
                place = (chunk.start, chunk.end, chunk.heading, chunk.locator, chunk.anchor, chunk.text)
                database.execute(
                    "INSERT INTO passages(id, document, number, key, start, stop, heading, locator, anchor, text, kind,"
                    " columns, vector, bag) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (first + number, document, number, key, *place, chunk.kind, chunk.columns, vector, terms[number]),
                )
            self._touch(database)

    def delete(self, name: str) -> None:
        with transaction(self._database, self._lock) as database:
            self._remove(database, name)
            self._touch(database)

    def search(
        self,
        questions: Sequence[str],
        limit: int,
        *,
        conditions: Sequence[Condition] = (),
        meant: str = "",
        reranker: Reranker | None = None,
        around: Around = "none",
    ) -> list[Passage]:
        """Return the best passages for a question, or for several ways of asking it, near copies left out.

        `meant` is embedded in place of the first question (HyDE); a `reranker` reads the best candidates again.
        """
        from mcp_servers.retrieval.search import found

        texts = [meant or questions[0], *questions[1:]]
        vectors = self._embedder.embed(texts) if self._embedder else [None] * len(texts)
        with self._lock:  # what is not found any more was just replaced by another process
            index = self._current_index()
            allowed = self._allowed(index, conditions) if conditions else None
            depth = max(3 * limit, RERANKED if reranker else 0)
            hits = found(index, questions, vectors, depth, allowed)
            copies: dict[int, list[int]] = {}
            for hit in hits:
                copies.setdefault(index.copy_of(hit.id), []).append(hit.id)
            best = {hit.id: hit for hit in hits}
            held = [passage for ids in copies.values() for passage in self._held(ids, best[ids[0]].confidence)]
        if reranker is not None:
            scores = reranker.scores(questions[0], [passage.source.text for passage in held])
            held = [held[n] for n in sorted(range(len(held)), key=lambda n: -scores[n])]
        return [self._with_context(passage, around) for passage in held[:limit]]

    def prepare(self) -> None:
        """Bring the index up to what was written, so that no search has to wait for it."""
        with self._lock:
            self._current_index()

    def measured(self) -> Measured:
        """Return what the vector index finds of the true neighbours, on a sample."""
        with self._lock:
            return self._current_index().measured()

    def vectors(self) -> Floats:
        """Return the vectors of all passages that have one, float32 (n, d)."""
        with self._lock:
            return self._current_index().vectors

    def fields(self) -> dict[str, set[str]]:
        """Return the values by field that documents can be filtered by."""
        known: dict[str, set[str]] = {}
        for fields in self._fields().values():
            for field, value in fields.items():
                known.setdefault(field, set()).add(value)
        return known

    def table(self, passage: Passage) -> tuple[list[str], list[list[str]]]:
        """Return column names and rows of a table's passage; both empty where it is none."""
        if passage.kind != "table":
            return [], []
        rows = [_cells(line) for line in passage.source.text.splitlines() if line.strip(" |-:+=")]
        return (_cells(passage.columns), rows) if passage.columns else (rows[0] if rows else [], rows[1:])

    def read(self, name: str, key: str, context: int) -> list[Passage]:
        """Return a passage and `context` neighbours on either side in their order; empty where it does not exist."""
        rows = self._rows(
            f"{_PASSAGE} JOIN passages cited ON cited.document = documents.id WHERE name = ? AND cited.key = ?"
            " AND passages.number BETWEEN cited.number - ? AND cited.number + ? ORDER BY passages.number",
            name, key, context, context,
        )  # fmt: skip
        return [self._passage(row) for row in rows]

    def _has(self, name: str) -> bool:
        return bool(self._rows("SELECT 1 FROM documents WHERE name = ?", name))

    def _remove(self, database: sqlite3.Connection, name: str) -> None:
        database.execute("DELETE FROM passages WHERE document IN (SELECT id FROM documents WHERE name = ?)", (name,))
        database.execute("DELETE FROM documents WHERE name = ?", (name,))

    def _touch(self, database: sqlite3.Connection) -> None:
        database.execute("REPLACE INTO about(key, value) VALUES ('version', ?)", (uuid.uuid4().hex,))

    def _next_id(self, database: sqlite3.Connection, count: int) -> int:
        """Reserve ids that no passage ever had: vector indexes tell by the id what they hold already."""
        used = database.execute(
            "SELECT max(ifnull(max(id), 0), ifnull((SELECT value FROM about WHERE key = 'last'), 0) + 0) FROM passages"
        ).fetchone()[0]
        database.execute("REPLACE INTO about(key, value) VALUES ('last', ?)", (used + count,))
        return int(used) + 1

    def _bring_up_to_date(self) -> None:
        from models.analysis import bag
        from models.lexical import packed

        lacking = [
            (table, column, kind)
            for table, columns in _ADDED.items()
            for column, kind in columns.items()
            if column not in {row["name"] for row in self._rows(f"PRAGMA table_info({table})")}
        ]
        if not lacking:
            return
        with transaction(self._database, self._lock) as database:
            for table, column, kind in lacking:
                database.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
            for row in database.execute(_PASSAGE).fetchall():
                terms = packed(bag(indexed_text(row["name"], row["heading"], "", row["text"])))
                database.execute("UPDATE passages SET bag = ? WHERE id = ?", (terms, row["id"]))
            database.execute("DROP TABLE IF EXISTS words")
            self._touch(database)

    def _current_index(self) -> CollectionIndex:
        """The index as the collection is now; made again only after someone, anywhere, wrote."""
        from mcp_servers.retrieval.index import CollectionIndex

        version = self._about("version")
        if self._index is None or self._index.version != version:
            if not self._about("uid"):
                with transaction(self._database, self._lock) as database:
                    database.execute(
                        "INSERT OR IGNORE INTO about(key, value) VALUES ('uid', ?)", (uuid.uuid4().hex[:12],)
                    )
            rows = self._rows(
                "SELECT passages.id, bag, document, CASE model WHEN ? THEN vector END AS vector FROM passages"
                " JOIN documents ON documents.id = document ORDER BY passages.id",
                self._model,
            )
            kept = self._index.give_up() if self._index else None
            dimensions = self._embedder.dimensions if self._embedder else 0
            self._index = CollectionIndex(
                version, rows, dimensions, self._vectors, self.folder, self._vector_name, kept
            )
        return self._index

    @property
    def _vector_name(self) -> str:
        """A vector index's name: no two collections, of any home and embedding model, share one."""
        model = _digest(f"{self._about('uid')} {self._model}")
        return f"{self.name}_{model}".replace("-", "_")

    def _about(self, key: str) -> str:
        about = self._rows("SELECT value FROM about WHERE key = ?", key)
        return str(about[0]["value"]) if about else ""

    def _fields(self) -> dict[int, dict[str, str]]:
        """Return each document's fields by its id; every document has a name and a format."""
        rows = self._rows("SELECT id, name, fields FROM documents")
        return {
            int(row["id"]): {
                **json.loads(row["fields"]),
                "name": row["name"],
                "format": Path(row["name"]).suffix.lstrip(".").lower(),
            }
            for row in rows
        }

    def _allowed(self, index: CollectionIndex, conditions: Sequence[Condition]) -> Mask:
        import numpy as np

        own = [each for each in conditions if each.field in OF_PASSAGES]
        documents = {
            key
            for key, fields in self._fields().items()
            if all(each.holds(fields) for each in conditions if each.field not in OF_PASSAGES)
        }
        allowed = np.isin(index.documents, list(documents))
        if own:
            rows = self._rows("SELECT kind, heading, anchor FROM passages ORDER BY id")
            fields = ({**dict(row), "page": str(row["anchor"]).removeprefix("page=")} for row in rows)
            allowed &= np.array([all(each.holds(each_fields) for each in own) for each_fields in fields], dtype=bool)
        return allowed

    def _held(self, ids: Sequence[int], confidence: float) -> list[Passage]:
        """Return the first passage, naming the documents of the others, which are its near copies."""
        rows = [row for key in ids for row in self._rows(f"{_PASSAGE} WHERE passages.id = ?", key)]
        if not rows:
            return []
        others = tuple(dict.fromkeys(str(row["name"]) for row in rows[1:] if row["name"] != rows[0]["name"]))
        return [replace(self._passage(rows[0], confidence), also=others)]

    def _with_context(self, passage: Passage, around: Around) -> Passage:
        if around == "none":
            return passage
        key = passage.source.id.rpartition("#")[2]
        if around == "neighbours":
            texts = [each.source.text for each in self.read(passage.source.title, key, 1)]
        else:
            rows = self._rows(
                "SELECT text FROM passages JOIN (SELECT document, heading FROM passages JOIN documents"
                " ON documents.id = document WHERE name = ? AND key = ?) USING (document, heading) ORDER BY number",
                passage.source.title, key,
            )  # fmt: skip
            texts = [str(row["text"]) for row in rows]
        return replace(passage, context="\n\n".join(texts)[:LONGEST_CONTEXT])

    def _rows(self, sql: str, *values: str | int) -> list[sqlite3.Row]:
        try:
            with self._lock:
                return self._database.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise OperatorError(
                f"The collection {self.name} cannot be read ({error}).",
                next_step="Delete it with retrieval_delete and ingest its folders again.",
            ) from error

    def _passage(self, row: sqlite3.Row, confidence: float = 1.0) -> Passage:
        anchor = f"#{row['anchor']}" if row["anchor"] else ""
        source = Source(
            id=f"doc:{self.name}/{row['name']}#{row['key']}",
            kind="passage",
            title=row["name"],
            uri=Path(row["path"]).as_uri() + anchor,
            locator=row["locator"],
            text=row["text"],
        )
        return Passage(source, int(row["start"]), int(row["stop"]), confidence, str(row["kind"]), str(row["columns"]))


def embedded_text(name: str, chunk: Chunk) -> str:
    """A passage is embedded under its heading, because sections rarely repeat what they are about."""
    return "\n".join(filter(None, (chunk.heading or Path(name).stem, chunk.columns, chunk.text)))


def indexed_text(name: str, heading: str, columns: str, text: str) -> str:
    """A passage is found by the words of its document's name, its headings (twice: they say what it is about) and its
    own.
    """
    return "\n".join((name, heading, heading, columns, text))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _keys(chunks: Sequence[Chunk]) -> list[str]:
    """Name each passage by heading and text, so that an id never comes to mean another text; repeats are numbered."""
    counts: dict[str, int] = {}
    keys: list[str] = []
    for chunk in chunks:
        key = _digest(f"{chunk.heading}\n{chunk.text}")
        counts[key] = counts.get(key, 0) + 1
        keys.append(key if counts[key] == 1 else f"{key}-{counts[key]}")
    return keys
