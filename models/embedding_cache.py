"""Embeddings kept by content: a text that any collection, course or tool list held before is not embedded again."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.embeddings import Embedder, Vectors

MOST = 100_000  # vectors, about 150 MB; beyond it the oldest go
ASKED_AT_ONCE = 500  # keys in one statement; SQLite's own limit is higher

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS embeddings(id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, vector BLOB NOT NULL)"
)


class CachedEmbedder:
    """Another embedder behind one SQLite file that processes share.

    A cache that cannot be read or written costs time, nothing else: the vectors come from the model then.
    """

    def __init__(self, embedder: Embedder, file: Path) -> None:
        self._embedder = embedder
        self._file = file
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self.name = embedder.name
        self.dimensions = embedder.dimensions

    def embed(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        keys = [hashlib.sha256(f"{self.name}\n{text}".encode("utf-8", "replace")).digest() for text in texts]
        held = self._held(keys)
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in held}
        if new:
            made = dict(zip(new, self._embedder.embed(list(new.values())), strict=True))
            self._keep([(key, vector.tobytes()) for key, vector in made.items()])
            held |= made
        return np.array([held[key] for key in keys], dtype=np.float32).reshape(len(texts), self.dimensions)

    def _held(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        import numpy as np

        found: dict[bytes, NDArray[np.float32]] = {}
        with contextlib.suppress(sqlite3.Error, OSError), self._lock:
            for start in range(0, len(keys), ASKED_AT_ONCE):
                some = keys[start : start + ASKED_AT_ONCE]
                marks = ",".join("?" * len(some))
                rows = self._open().execute(f"SELECT key, vector FROM embeddings WHERE key IN ({marks})", some)  # noqa: S608 - question marks only
                whole = ((key, vector) for key, vector in rows if len(vector) == 4 * self.dimensions)
                found |= {key: np.frombuffer(vector, dtype=np.float32) for key, vector in whole}
        return found

    def _keep(self, rows: Sequence[tuple[bytes, bytes]]) -> None:
        with contextlib.suppress(sqlite3.Error, OSError), self._lock, self._open() as database:
            database.executemany("REPLACE INTO embeddings(key, vector) VALUES (?, ?)", rows)
            database.execute("DELETE FROM embeddings WHERE id <= (SELECT max(id) FROM embeddings) - ?", (MOST,))

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(self._file, check_same_thread=False, timeout=5)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = OFF")  # what a power cut takes is made again
            database.execute(_SCHEMA)
            self._database = database
        return self._database
