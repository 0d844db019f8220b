"""Collections of passages in SQLite with a full-text index (BM25); one file a collection."""

from __future__ import annotations

import hashlib
import re
import sqlite3
import threading
from dataclasses import dataclass, field
from pathlib import Path

from lyceum.errors import LyceumError, UserError
from lyceum.run_store import open_database
from lyceum.sources import Source
from mcp_servers.retrieval.parse import READABLE, parse
from models.offline.skill import content_words

LONGEST_PASSAGE = 1600  # characters, about 350 tokens
LARGEST_FILE = 50 * 1024 * 1024
CONFIDENT = 0.6
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_SKIPPED = {"node_modules", "__pycache__", "venv", "dist", "build"}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents(path TEXT PRIMARY KEY, hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS passages(
    id TEXT PRIMARY KEY, document TEXT NOT NULL, locator TEXT NOT NULL, text TEXT NOT NULL, words TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS passages_by_document ON passages(document);
CREATE VIRTUAL TABLE IF NOT EXISTS passage_words USING fts5(words, content='passages');
"""


@dataclass
class Report:
    """What an ingestion did; `errors` maps a file to what is wrong with it."""

    documents: int = 0
    unchanged: int = 0
    removed: int = 0
    passages: int = 0
    errors: dict[str, str] = field(default_factory=dict[str, str])


class Collection:
    """A named set of documents under one folder."""

    def __init__(self, folder: Path, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise UserError(f"{name!r} is not a collection name.", next_step="Use lower-case letters, digits and -.")
        self.name = name
        self._database = open_database(folder / f"{name}.db")
        self._lock = threading.RLock()
        self._database.executescript(_SCHEMA)

    def ingest(self, root: Path) -> Report:
        """Read a file or a folder; unchanged files are skipped, vanished ones removed, broken ones reported."""
        report = Report()
        files = [root] if root.is_file() else [path for path in sorted(root.rglob("*")) if _wanted(path, root)]
        seen: set[str] = set()
        for path in files:
            name = path.name if root.is_file() else path.relative_to(root).as_posix()
            seen.add(name)
            try:
                changed = self._ingest_file(name, path)
            except (LyceumError, OSError) as error:
                report.errors[name] = str(error).replace("\n", " ")
                continue
            report.documents += changed
            report.unchanged += not changed
        if root.is_dir():
            known = {str(row["path"]) for row in self._database.execute("SELECT path FROM documents")}
            for gone in known - seen:
                self._remove(gone)
                report.removed += 1
        report.passages = int(self._database.execute("SELECT count(*) FROM passages").fetchone()[0])
        return report

    def _ingest_file(self, name: str, path: Path) -> bool:
        if path.stat().st_size > LARGEST_FILE:
            raise UserError(f"It is larger than {LARGEST_FILE // 2**20} MB.", next_step="Split it.")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        row = self._database.execute("SELECT hash FROM documents WHERE path = ?", (name,)).fetchone()
        if row is not None and row["hash"] == digest:
            return False
        passages = [(part.locator, text) for part in parse(path) for text in _passages(part.text)]
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            self._delete_rows(name)
            self._database.execute("INSERT INTO documents(path, hash) VALUES (?, ?)", (name, digest))
            for number, (locator, text) in enumerate(passages, 1):
                words = " ".join(content_words(f"{Path(name).stem} {locator} {text}"))
                cursor = self._database.execute(
                    "INSERT INTO passages(id, document, locator, text, words) VALUES (?, ?, ?, ?, ?)",
                    (f"doc:{self.name}/{name}#{number}", name, locator, text, words),
                )
                self._database.execute(
                    "INSERT INTO passage_words(rowid, words) VALUES (?, ?)", (cursor.lastrowid, words)
                )
            self._database.execute("COMMIT")
        return True

    def _delete_rows(self, name: str) -> None:
        for row in self._database.execute("SELECT rowid, words FROM passages WHERE document = ?", (name,)).fetchall():
            self._database.execute(
                "INSERT INTO passage_words(passage_words, rowid, words) VALUES ('delete', ?, ?)",
                (row["rowid"], row["words"]),
            )
        self._database.execute("DELETE FROM passages WHERE document = ?", (name,))
        self._database.execute("DELETE FROM documents WHERE path = ?", (name,))

    def _remove(self, name: str) -> None:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            self._delete_rows(name)
            self._database.execute("COMMIT")

    def search(self, query: str, limit: int) -> tuple[float, list[Source]]:
        """Return how much of the question the best passage carries (0 to 1), and the passages, best first."""
        words = list(dict.fromkeys(content_words(query)))
        if not words:
            return 0.0, []
        match = " OR ".join('"' + word.replace('"', "") + '"' for word in words)
        rows = self._database.execute(
            """SELECT passages.* FROM passage_words JOIN passages ON passages.rowid = passage_words.rowid
               WHERE passage_words MATCH ? ORDER BY bm25(passage_words) LIMIT ?""",
            (match, limit),
        ).fetchall()
        held = [sum(word in set(str(row["words"]).split()) for word in words) / len(words) for row in rows[:3]]
        return max(held, default=0.0), [_source(row) for row in rows]

    def read(self, passage: str, context: int) -> list[Source]:
        """Return a passage with `context` neighbours on either side; raises UserError for an unknown id."""
        row = self._database.execute("SELECT rowid, document FROM passages WHERE id = ?", (passage,)).fetchone()
        if row is None:
            raise UserError(f"There is no passage {passage!r}.", next_step="Search again; documents may have changed.")
        found = self._database.execute(
            "SELECT * FROM passages WHERE document = ? AND rowid BETWEEN ? AND ? ORDER BY rowid",
            (row["document"], row["rowid"] - context, row["rowid"] + context),
        )
        return [_source(each) for each in found]

    def documents(self) -> list[str]:
        return [str(row["path"]) for row in self._database.execute("SELECT path FROM documents ORDER BY path")]

    def delete(self, document: str) -> None:
        if document not in self.documents():
            raise UserError(f"{self.name} holds no {document!r}.", next_step="List it with retrieval_list.")
        self._remove(document)


def _source(row: sqlite3.Row) -> Source:
    return Source(
        id=row["id"], kind="passage", title=row["document"], uri=row["id"], locator=row["locator"], text=row["text"]
    )


def _wanted(path: Path, root: Path) -> bool:
    inside = path.relative_to(root).parts
    hidden = any(part.startswith(".") or part in _SKIPPED for part in inside)
    return not hidden and path.suffix.lower() in READABLE and path.is_file() and not path.is_symlink()


def _passages(text: str) -> list[str]:
    """Cut at blank lines into passages of at most LONGEST_PASSAGE characters; each is an exact slice of the text."""
    cuts = [match.end() for match in re.finditer(r"\n\s*\n", text)] + [len(text)]
    found: list[str] = []
    start, last = 0, 0
    for cut in cuts:
        if cut - start > LONGEST_PASSAGE and last > start:
            found.append(text[start:last])
            start = last
        while cut - start > LONGEST_PASSAGE:
            end = text.rfind(" ", start, start + LONGEST_PASSAGE) + 1 or start + LONGEST_PASSAGE
            found.append(text[start:end])
            start = end
        last = cut
    found.append(text[start:])
    return [passage.strip() for passage in found if passage.strip()]
