"""One collection: documents, passages, full-text index and vectors in one SQLite file that processes can share."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lyceum.errors import OperatorError
from lyceum.run_store import open_database, transaction
from lyceum.sources import Source
from mcp_servers.retrieval.chunks import Chunk
from models.hybrid import Entry, HybridIndex, add_words, create_word_index, remove_words

if TYPE_CHECKING:
    from models.embeddings import Embedder

_SCHEMA = """
CREATE TABLE IF NOT EXISTS about(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS documents(
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, path TEXT NOT NULL UNIQUE, fingerprint TEXT NOT NULL,
    model TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS passages(
    id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents, number INTEGER NOT NULL, key TEXT NOT NULL,
    start INTEGER NOT NULL, stop INTEGER NOT NULL, heading TEXT NOT NULL, locator TEXT NOT NULL,
    anchor TEXT NOT NULL, text TEXT NOT NULL, vector BLOB, UNIQUE(document, number), UNIQUE(document, key));
"""
_PASSAGE = (
    "SELECT passages.*, documents.name, documents.path FROM passages JOIN documents ON documents.id = passages.document"
)


@dataclass(frozen=True)
class Passage:
    """A citable source and its span, in characters of the document's extracted text."""

    source: Source
    start: int
    end: int
    confidence: float = 1.0


class Collection:
    """Methods raise OperatorError where the file cannot be read or written.

    Without an embedder passages are found by their words alone; they get vectors when they are next ingested with one.
    `without` is the reason why there is no embedder.
    """

    def __init__(self, folder: Path, name: str, embedder: Embedder | None, without: str = "") -> None:
        self.name = name
        self._without = without
        self._embedder = embedder
        self._model = f"{embedder.name} {embedder.dimensions}" if embedder else ""
        self._lock = threading.RLock()
        self._database = open_database(folder / f"{name}.db")
        with self._lock:
            self._database.executescript(_SCHEMA)
            create_word_index(self._database)
        self._index: tuple[str, HybridIndex] | None = None

    def close(self) -> None:
        self._database.close()

    @property
    def note(self) -> str:
        """What limits a search, and what to do about it; empty where nothing does."""
        if self._embedder is None:
            return f"Search is by words only. {self._without}".strip()
        count = int(self._rows("SELECT count(*) AS n FROM documents WHERE model != ?", self._model)[0]["n"])
        return f"{count} documents are found by words only: ingest them again." if count else ""

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

    def put(self, name: str, path: Path, fingerprint: str, chunks: Sequence[Chunk]) -> None:
        """Add or replace one document in one transaction; passages whose text is unchanged keep their ids."""
        keys = _keys(chunks)
        vectors: list[bytes | None] = [None] * len(chunks)
        if self._embedder:
            made = self._embedder.embed([embedded_text(name, chunk) for chunk in chunks])
            vectors = [vector.tobytes() for vector in made]
        with transaction(self._database, self._lock) as database:
            self._remove(database, name)
            document = database.execute(
                "INSERT INTO documents(name, path, fingerprint, model) VALUES (?, ?, ?, ?)",
                (name, str(path), fingerprint, self._model),
            ).lastrowid
            entries: list[Entry] = []
            for number, (chunk, key, vector) in enumerate(zip(chunks, keys, vectors, strict=True)):
                place = (chunk.start, chunk.end, chunk.heading, chunk.locator, chunk.anchor)
                passage = database.execute(
                    "INSERT INTO passages(document, number, key, start, stop, heading, locator, anchor, text, vector)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (document, number, key, *place, chunk.text, vector),
                ).lastrowid
                entries.append((passage or 0, name, chunk.heading, chunk.text))
            add_words(database, entries)
            self._touch(database)

    def delete(self, name: str) -> None:
        with transaction(self._database, self._lock) as database:
            self._remove(database, name)
            self._touch(database)

    def search(self, question: str, limit: int) -> list[Passage]:
        vector = self._embedder.embed([question])[0] if self._embedder else None
        with self._lock:  # what is not found any more was just replaced by another process
            hits = self._current_index().search(question, vector, limit)
            return [
                self._passage(row, hit.confidence)
                for hit in hits
                for row in self._rows(f"{_PASSAGE} WHERE passages.id = ?", hit.id)
            ]

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
        rows = database.execute(f"{_PASSAGE} WHERE name = ?", (name,)).fetchall()
        remove_words(database, [(row["id"], row["name"], row["heading"], row["text"]) for row in rows])
        database.execute("DELETE FROM passages WHERE document IN (SELECT id FROM documents WHERE name = ?)", (name,))
        database.execute("DELETE FROM documents WHERE name = ?", (name,))

    def _touch(self, database: sqlite3.Connection) -> None:
        database.execute("REPLACE INTO about(key, value) VALUES ('version', ?)", (uuid.uuid4().hex,))

    def _current_index(self) -> HybridIndex:
        """The index over the vectors as they are now; read again only after someone, anywhere, wrote."""
        import numpy as np

        about = self._rows("SELECT value FROM about WHERE key = 'version'")
        version = str(about[0]["value"]) if about else ""
        if self._index is None or self._index[0] != version:
            rows = self._rows(
                "SELECT passages.id, CASE model WHEN ? THEN vector END AS vector FROM passages"
                " JOIN documents ON documents.id = document ORDER BY passages.id",
                self._model,
            )
            vectors = np.zeros((len(rows), self._embedder.dimensions if self._embedder else 0), dtype=np.float32)
            for number, row in enumerate(rows):
                if self._embedder and row["vector"] is not None:  # without a vector it is near to nothing
                    vectors[number] = np.frombuffer(row["vector"], dtype=np.float32)
            self._index = (version, HybridIndex(self._database, [int(row["id"]) for row in rows], vectors))
        return self._index[1]

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
        return Passage(source, int(row["start"]), int(row["stop"]), confidence)


def embedded_text(name: str, chunk: Chunk) -> str:
    """A passage is embedded under its heading, because sections rarely repeat what they are about."""
    return f"{chunk.heading or Path(name).stem}\n{chunk.text}"


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
