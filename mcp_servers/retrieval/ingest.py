"""Takes files into a collection: what changed is read, what is gone is removed, what is broken is reported."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, Field

from lyceum.errors import UserError
from mcp_servers.retrieval.chunks import chunk
from mcp_servers.retrieval.document import Document
from mcp_servers.retrieval.extract import KNOWN, extract, is_text
from mcp_servers.retrieval.files import Problem, Unreadable, walk
from mcp_servers.retrieval.store import Collection

MOST_REPORTED = 100  # problems of one kind; the counts are always complete


class Report(BaseModel):
    """What an ingestion did; a file with an error keeps its earlier version, if it had one."""

    collection: str
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: list[str] = Field(default_factory=list[str], description="Documents whose files are gone.")
    error_count: int = 0
    errors: list[Problem] = Field(default_factory=list[Problem], description="Files that could not be (fully) read.")
    skipped_count: int = 0
    skipped: list[Problem] = Field(default_factory=list[Problem], description="Files that are no documents.")
    documents: int = Field(default=0, description="Documents in the collection now.")
    passages: int = Field(default=0, description="Passages in the collection now.")
    note: str = Field(default="", description="What limits the search of this collection, and what to do about it.")

    def add_error(self, path: str, reason: str, next_step: str) -> None:
        self.error_count += 1
        if len(self.errors) < MOST_REPORTED:
            self.errors.append(Problem(path=path, reason=reason, next_step=next_step))

    def add_skipped(self, problem: Problem) -> None:
        self.skipped_count += 1
        if len(self.skipped) < MOST_REPORTED:
            self.skipped.append(problem)


class Ingestion:
    """One pass over `root`: `scan`, then `take` each path, then `finish`; stopping between files loses nothing."""

    def __init__(self, collection: Collection, root: Path, *, most_bytes: int, target: int, most: int) -> None:
        self._collection = collection
        self._root = root
        self._most_bytes = most_bytes
        self._target = target
        self._most = most
        self.report = Report(collection=collection.name)

    def scan(self) -> list[Path]:
        """Return the documents to take, in order; what is passed over goes into the report."""
        paths: list[Path] = []
        for found in walk(self._root, most_bytes=self._most_bytes):
            if isinstance(found, Path):
                paths.append(found)
            elif isinstance(found, Unreadable):
                self.report.add_error(found.path, found.reason, found.next_step)
            else:
                self.report.add_skipped(found)
        return paths

    def take(self, path: Path) -> None:
        name = self._collection.name_for(path, self._root)
        try:
            data = path.read_bytes()
        except OSError as error:
            self.report.add_error(name, f"It cannot be read: {error.strerror}.", "Check its permissions.")
            return
        fingerprint = f"{self._target} {self._most} {hashlib.sha256(data).hexdigest()}"
        state = self._collection.state(path, fingerprint)
        if state == "same":
            self.report.unchanged += 1
            return
        suffix = path.suffix.lower()
        if suffix not in KNOWN and not is_text(data):
            self.report.add_skipped(Problem(path=name, reason="Not text.", next_step="Save it as text or PDF."))
            return
        try:
            document = _extracted(data, suffix)
        except UserError as error:
            self.report.add_error(name, error.message, error.next_step)
            return
        if document.warning:
            self.report.add_error(name, document.warning, document.remedy)
        chunks = list(chunk(document, target=self._target, most=self._most))
        fields = {"modified": _day(path), **document.fields}
        self._collection.put(name, path, fingerprint, chunks, fields)
        self.report.updated += state == "changed"
        self.report.added += state == "new"

    def finish(self) -> Report:
        for path, name in sorted(self._collection.under(self._root).items()):
            if _gone(Path(path)):
                self._collection.delete(name)
                self.report.removed.append(name)
        self._collection.prepare()
        counts = self._collection.documents()
        self.report.documents, self.report.passages = len(counts), sum(counts.values())
        self.report.note = self._collection.note
        return self.report


def _extracted(data: bytes, suffix: str) -> Document:
    try:
        return extract(data, suffix)
    except UserError:
        raise
    except Exception as error:  # parsers raise whatever a damaged file makes them raise
        raise UserError(
            f"It is damaged ({type(error).__name__}).", next_step="Open it, save it again, and retry."
        ) from error


def _day(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()


def _gone(path: Path) -> bool:
    """Tell a file that is not there from one in a folder that just cannot be entered."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
