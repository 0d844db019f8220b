"""The memory of a home folder: one SQLite file (WAL, full sync) that processes share; deleted text is overwritten."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lyceum.errors import OperatorError, StoreFailed
from lyceum.run_store import open_database, transaction
from memory import graph
from memory.grown import Grown
from memory.index import VectorIndex
from memory.scope import Scope
from memory.sql import INDEXED, Connection, Kind, Row
from memory.words import by_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SCHEMA = """
CREATE TABLE IF NOT EXISTS blocks(
    tenant TEXT NOT NULL, user TEXT NOT NULL, agent TEXT NOT NULL, project TEXT NOT NULL, label TEXT NOT NULL,
    description TEXT NOT NULL, text TEXT NOT NULL, most INTEGER NOT NULL, read_only INTEGER NOT NULL,
    version INTEGER NOT NULL, PRIMARY KEY(tenant, user, agent, project, label));
CREATE TABLE IF NOT EXISTS block_edits(
    id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, user TEXT NOT NULL, agent TEXT NOT NULL, project TEXT NOT NULL,
    label TEXT NOT NULL, version INTEGER NOT NULL, restored INTEGER NOT NULL, text TEXT NOT NULL, who TEXT NOT NULL,
    why TEXT NOT NULL, at TEXT NOT NULL, key TEXT,
    UNIQUE(tenant, user, agent, project, label, version), UNIQUE(tenant, user, agent, project, label, key));

CREATE TABLE IF NOT EXISTS turns(
    id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, user TEXT NOT NULL, agent TEXT NOT NULL, project TEXT NOT NULL,
    thread TEXT NOT NULL, number INTEGER NOT NULL, speaker TEXT NOT NULL, origin TEXT NOT NULL, said TEXT NOT NULL,
    recorded TEXT NOT NULL, text TEXT NOT NULL, key TEXT, consolidated INTEGER NOT NULL DEFAULT 0,
    model TEXT NOT NULL DEFAULT '',
    UNIQUE(tenant, user, thread, number), UNIQUE(tenant, user, thread, key));
CREATE INDEX IF NOT EXISTS turns_by_time ON turns(tenant, user, said);
CREATE INDEX IF NOT EXISTS turns_by_record ON turns(tenant, user, recorded);
CREATE INDEX IF NOT EXISTS turns_to_consolidate ON turns(tenant, user, consolidated, id);

CREATE TABLE IF NOT EXISTS facts(
    id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, user TEXT NOT NULL, agent TEXT NOT NULL, project TEXT NOT NULL,
    ref TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, text TEXT NOT NULL, tags TEXT NOT NULL, sources TEXT NOT NULL,
    origin TEXT NOT NULL, confidence REAL NOT NULL, valid_from TEXT NOT NULL, valid_to TEXT, recorded TEXT NOT NULL,
    retired TEXT, superseded_by TEXT, model TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS turns_by_model ON turns(tenant, user, model);
CREATE INDEX IF NOT EXISTS facts_by_model ON facts(tenant, user, model);
CREATE INDEX IF NOT EXISTS facts_by_record ON facts(tenant, user, recorded);
CREATE INDEX IF NOT EXISTS facts_by_topic ON facts(tenant, user, topic, retired);

CREATE TABLE IF NOT EXISTS summaries(
    id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, user TEXT NOT NULL, agent TEXT NOT NULL, project TEXT NOT NULL,
    thread TEXT NOT NULL, upto INTEGER NOT NULL, text TEXT NOT NULL, who TEXT NOT NULL, at TEXT NOT NULL,
    UNIQUE(tenant, user, thread));
CREATE TABLE IF NOT EXISTS forgotten(tenant TEXT NOT NULL, user TEXT NOT NULL, thread TEXT NOT NULL,
    last INTEGER NOT NULL, PRIMARY KEY(tenant, user, thread));

CREATE TABLE IF NOT EXISTS vectors(
    row INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, user TEXT NOT NULL, kind TEXT NOT NULL,
    id INTEGER NOT NULL, model TEXT NOT NULL, vector BLOB NOT NULL, UNIQUE(kind, id));
CREATE INDEX IF NOT EXISTS vectors_by_owner ON vectors(tenant, user, kind, model, row);
CREATE TABLE IF NOT EXISTS removed(
    row INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, user TEXT NOT NULL, kind TEXT NOT NULL, id INTEGER);
CREATE INDEX IF NOT EXISTS removed_by_owner ON removed(tenant, user, row);
CREATE TABLE IF NOT EXISTS told(tenant TEXT NOT NULL, user TEXT NOT NULL, name TEXT NOT NULL,
    written INTEGER NOT NULL, gone INTEGER NOT NULL, PRIMARY KEY(tenant, user, name));
DROP TRIGGER IF EXISTS vectors_removed;
DROP TABLE IF EXISTS removals;
CREATE TRIGGER IF NOT EXISTS vectors_gone AFTER DELETE ON vectors BEGIN
    INSERT INTO removed(tenant, user, kind, id) VALUES (old.tenant, old.user, old.kind, old.id); END;
"""

# The word indexes keep no copy of the text; triggers keep them in step with their tables in the same transaction.
_WORDS = """
CREATE VIRTUAL TABLE IF NOT EXISTS {kind}_words USING fts5(
    {columns}, content='{kind}', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2');
CREATE TRIGGER IF NOT EXISTS {kind}_added AFTER INSERT ON {kind} BEGIN
    INSERT INTO {kind}_words(rowid, {columns}) VALUES (new.id, {new}); END;
CREATE TRIGGER IF NOT EXISTS {kind}_removed AFTER DELETE ON {kind} BEGIN
    INSERT INTO {kind}_words({kind}_words, rowid, {columns}) VALUES ('delete', old.id, {old});
    DELETE FROM vectors WHERE kind = '{kind}' AND id = old.id; END;
CREATE TRIGGER IF NOT EXISTS {kind}_changed AFTER UPDATE OF {columns} ON {kind} BEGIN
    INSERT INTO {kind}_words({kind}_words, rowid, {columns}) VALUES ('delete', old.id, {old});
    INSERT INTO {kind}_words(rowid, {columns}) VALUES (new.id, {new});
    UPDATE {kind} SET model = '' WHERE id = old.id;
    DELETE FROM vectors WHERE kind = '{kind}' AND id = old.id; END;
"""


class MemoryFile:
    """The connection that blocks, turns and facts share; safe for several threads and processes.

    Methods raise OperatorError where the file cannot be read, StoreFailed where it cannot be written.
    """

    rowid: ClassVar[str] = "rowid"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._database = open_database(path)
        try:
            self._database.execute("PRAGMA secure_delete = ON")
            with self._lock:
                self._database.executescript(_SCHEMA)
                for kind, columns in INDEXED.items():
                    new, old = (", ".join(f"{row}.{name}" for name in columns) for row in ("new", "old"))
                    script = _WORDS.format(kind=kind, columns=", ".join(columns), new=new, old=old)
                    self._database.executescript(script)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (sqlite3.Error,)

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def transaction(self, scope: Scope | None = None) -> Generator[Connection]:
        """One write that happens as a whole or not at all; only one at a time, also beside other processes."""
        del scope
        try:
            with transaction(self._database, self._lock) as database:
                yield database
        except StoreFailed as error:
            reason = str(error.__cause__)
            raise StoreFailed(
                f"The memory did not take a write ({reason}); nothing of it was kept.",
                next_step="Check free disk space and that no other process holds the file, then say it again.",
            ) from error
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from error

    def rows(self, sql: str, *values: object) -> list[Row]:
        try:
            with self._lock:
                found: list[Any] = self._database.execute(sql, values).fetchall()
                return found
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def one(self, sql: str, *values: object) -> Row | None:
        return next(iter(self.rows(sql, *values)), None)

    def by_words(
        self, kind: Kind, question: str, scope: Scope, where: str, values: Sequence[object], depth: int
    ) -> dict[int, float]:
        try:
            return by_words(self.rows, kind, question, scope, where, values, depth)
        except OperatorError as error:
            if not self._only_an_index_is_broken(error.__cause__):
                raise
        self.rebuild_index()
        return by_words(self.rows, kind, question, scope, where, values, depth)

    def nearest(self, kind: Kind, model: str) -> VectorIndex | None:
        return Grown(self.path, kind, model) if model else None

    def stored(self, vector: NDArray[np.float32]) -> object:
        return vector.tobytes()

    def read(self, vectors: Sequence[Any], width: int) -> NDArray[np.float32]:
        import numpy as np

        return np.frombuffer(b"".join(vectors), np.float32).reshape(-1, width)

    def rebuild_index(self) -> None:
        """Make the word indexes anew from the text itself, which is all that they were made of."""
        with self.transaction() as database:
            for kind in INDEXED:
                database.execute(f"INSERT INTO {kind}_words({kind}_words) VALUES ('rebuild')")  # noqa: S608 - our own names

    def sweep(self) -> None:
        """Leave nothing of deleted text in the word indexes (merging drops what deletion only marked) or the log."""
        with self.transaction() as database:
            for kind in INDEXED:
                database.execute(f"INSERT INTO {kind}_words({kind}_words) VALUES ('optimize')")  # noqa: S608 - our own names
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        graph.sweep(self.path)

    def _only_an_index_is_broken(self, error: BaseException | None) -> bool:
        if not isinstance(error, sqlite3.DatabaseError) or not error.sqlite_errorname.startswith("SQLITE_CORRUPT"):
            return False
        found = [str(row["quick_check"]) for row in self.rows("PRAGMA quick_check")]
        return all(said == "ok" or "inverted index" in said for said in found)

    def _unusable(self, error: sqlite3.Error) -> OperatorError:
        return OperatorError(
            f"The memory {self.path.name} cannot be used ({error}).",
            next_step="Check free disk space; if the file is damaged, move it away and import your last export.",
        )


def clean(text: str) -> str:
    """Return text that any store and terminal can take: no lone surrogate, no control character but tab and newline."""
    whole = text.encode("utf-8", "replace").decode()
    return "".join(_kept(whole))


def _kept(text: str) -> Iterator[str]:
    return (letter for letter in text if (letter >= " " and not "\x7f" <= letter <= "\x9f") or letter in "\n\t")


def now() -> datetime:
    return datetime.now(UTC)
