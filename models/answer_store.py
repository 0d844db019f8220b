"""Answers kept by request in one SQLite file of the home folder, for a time and up to a size."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lyceum.settings import CacheSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

LARGEST = 1_000_000  # bytes of one answer
COMPARED = 2000  # answers of a kind whose questions are compared by meaning, newest first

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers(
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, made REAL NOT NULL, used REAL NOT NULL,
    answer BLOB NOT NULL, question TEXT NOT NULL, vector BLOB);
CREATE INDEX IF NOT EXISTS by_kind ON answers(kind, made);
CREATE INDEX IF NOT EXISTS by_use ON answers(used);
"""


class AnswerStore:
    """Answers by key; a `kind` is all of a request but its question, and only answers of a kind share a meaning.

    A store that cannot be read or written costs a request, nothing else. `clock` returns seconds since 1970.
    """

    def __init__(self, file: Path, settings: CacheSettings, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None

    def get(self, key: str) -> bytes | None:
        """Return the answer to this very request, if it is kept and not too old."""
        with contextlib.suppress(sqlite3.Error, OSError), self._lock, self._open() as database:
            row = database.execute(
                "UPDATE answers SET used = ? WHERE key = ? AND made > ? RETURNING answer",
                (self._clock(), key, self._oldest()),
            ).fetchone()
            return row[0] if row else None
        return None

    def near(self, kind: str, vector: Vector, cosine: float, alike: Callable[[str], bool]) -> bytes | None:
        """Return the answer of the kind whose question means nearly the same, if one does and is `alike`."""
        import numpy as np

        with contextlib.suppress(sqlite3.Error, OSError), self._lock:
            rows = (
                self._open()
                .execute(
                    "SELECT question, vector, answer FROM answers "
                    "WHERE kind = ? AND made > ? AND length(vector) = ? ORDER BY made DESC LIMIT ?",
                    (kind, self._oldest(), vector.nbytes, COMPARED),
                )
                .fetchall()
            )
            close = [(float(np.frombuffer(row[1], dtype=np.float32) @ vector), row) for row in rows if alike(row[0])]
            best = max(close, key=lambda each: each[0], default=None)
            return best[1][2] if best is not None and best[0] >= cosine else None
        return None

    def put(self, key: str, kind: str, answer: bytes, question: str = "", vector: Vector | None = None) -> None:
        """Keep an answer, and let the least used go where it is too much."""
        if len(answer) > min(LARGEST, self._most()):
            return
        now = self._clock()
        with contextlib.suppress(sqlite3.Error, OSError), self._lock, self._open() as database:
            database.execute("DELETE FROM answers WHERE made <= ?", (self._oldest(),))
            database.execute(
                "REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)",
                (key, kind, now, now, answer, question, None if vector is None else vector.tobytes()),
            )
            total = database.execute("SELECT sum(length(answer)) FROM answers").fetchone()[0]
            if total > self._most():
                database.execute(
                    "DELETE FROM answers WHERE key IN (SELECT key FROM (SELECT key, sum(length(answer)) "
                    "OVER (ORDER BY used DESC, rowid DESC) AS size FROM answers) WHERE size > ?)",
                    (self._most(),),
                )

    def close(self) -> None:
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def _most(self) -> int:
        return int(self._settings.megabytes * 1_000_000)

    def _oldest(self) -> float:
        return self._clock() - self._settings.hours * 3600

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.touch(mode=0o600)
            database = sqlite3.connect(self._file, check_same_thread=False, timeout=5)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.executescript(_SCHEMA)
            self._database = database
        return self._database
