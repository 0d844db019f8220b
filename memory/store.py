"""The memory of a home folder in one object: what faces, servers and flows get to work with."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lyceum.errors import OperatorError
from memory.archive import Archive
from memory.blocks import Blocks
from memory.consolidation import Consolidation
from memory.database import MemoryFile
from memory.forgetting import Forgetting
from memory.index import VectorIndex
from memory.recall import Recall
from memory.scope import Scope
from memory.sql import Database
from memory.summary import Summaries

if TYPE_CHECKING:
    from models.embeddings import Embedder

FILE = "memory.db"
RESULTS = "results"  # where results of tools that were too long for a model are kept whole (mcp_servers/capped.py)
IMPORTED = 1000  # texts of a kind that an import embeds before it returns


class MemoryStore:
    """Opens its database on first use: a file of the home folder, or PostgreSQL at `url`.

    `embedder` is called on the first search by meaning, never by a write. `qdrant` is a server's address and key: the
    archive's vectors are then compared there.

    Where the embedder cannot be had, everything is found by its words.
    """

    def __init__(
        self,
        home: Path,
        embedder: Callable[[], Embedder | None] = lambda: None,
        *,
        url: str = "",
        qdrant: tuple[str, str] = ("", ""),
    ) -> None:
        self._home = home
        self._embedder = embedder
        self._url = url
        self._qdrant = qdrant

    @cached_property
    def file(self) -> Database:
        if not self._url:
            return MemoryFile(self._home / FILE)
        if not self._url.startswith(("postgresql://", "postgres://")):
            raise OperatorError(
                "servers.memory.url is no address of PostgreSQL.", next_step="Write postgresql://USER@HOST/DATABASE."
            )
        from memory.postgres import PostgresMemory

        return PostgresMemory(self._url)

    @property
    def exists(self) -> bool:
        """Whether anything was ever remembered here: asking must not create the file."""
        return bool(self._url) or (self._home / FILE).is_file()

    @cached_property
    def blocks(self) -> Blocks:
        return Blocks(self.file)

    @cached_property
    def log(self) -> Recall:
        """The conversation log for writing and reading by id: it never embeds."""
        return Recall(self.file, None)

    @cached_property
    def recall(self) -> Recall:
        return Recall(self.file, self._model)

    @cached_property
    def archive(self) -> Archive:
        return Archive(self.file, self._model, self._archive_index())

    @cached_property
    def summaries(self) -> Summaries:
        return Summaries(self.file)

    @cached_property
    def consolidation(self) -> Consolidation:
        return Consolidation(self.file, Archive(self.file, None), self.blocks)

    @cached_property
    def forgetting(self) -> Forgetting:
        return Forgetting(self.file, self._forgotten)

    def _forgotten(self, scope: Scope) -> None:
        """Let go of copies outside the database: results that a server kept whole, and vectors elsewhere."""
        for path in (self._home / RESULTS).glob("*.json"):
            path.unlink(missing_ok=True)
        if self._qdrant[0]:
            self.archive.vectors.settle(scope)

    def _archive_index(self) -> VectorIndex | None:
        url, key = self._qdrant
        if not url or self._model is None:
            return None
        from memory.qdrant import Qdrant

        return Qdrant(url, key, self._identity, f"{self._model.name} {self._model.dimensions}", self._model.dimensions)

    @cached_property
    def _identity(self) -> str:
        """Name this database where several share a server: a row of nobody's, made once."""
        with self.file.transaction() as database:
            sql = "SELECT name FROM told WHERE tenant = '' AND user = ''"
            row = database.execute(sql).fetchone()
            if row is None:
                made = (uuid.uuid4().hex,)
                database.execute("INSERT INTO told(tenant, user, name, written, gone) VALUES ('', '', ?, 0, 0)", made)
                row = database.execute(sql).fetchone()
            return str(row["name"])

    @cached_property
    def _model(self) -> Embedder | None:
        return self._embedder()

    def catch_up(self, scope: Scope, *, most: int = IMPORTED) -> None:
        """Embed what an import brought, so that a search finds what it found before; the rest comes with searches."""
        for each in (self.recall, self.archive):
            each.vectors.catch_up(scope, most=most)

    def close(self) -> None:
        if "file" in self.__dict__:
            self.file.close()


def minilm(home: Path) -> Callable[[], Embedder | None]:
    """Return how MiniLM is had: without the shared cache of vectors, so that what is forgotten leaves none."""

    def made() -> Embedder | None:
        import logging

        from lyceum.errors import LyceumError
        from models.embeddings import MiniLM

        try:
            return MiniLM(home / "cache")
        except (LyceumError, OSError, ImportError) as error:
            logging.getLogger(__name__).info("Memory is searched by words alone: %s", error)
            return None

    return made
