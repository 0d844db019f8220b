"""Which files of a folder are documents, and why the others are not."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, Field

TABLES = frozenset(".csv .tsv .parquet .xls .sqlite .sqlite3 .db .duckdb".split())
IMAGES = frozenset(".png .jpg .jpeg .gif .bmp .tif .tiff .webp .heic .svg .ico".split())
OTHER_OFFICE = frozenset(".doc .odt .rtf .ppt .odp .pages .key .msg .pst".split())
NOT_ENTERED = frozenset("node_modules __pycache__ venv env site-packages dist build target".split())


class Problem(BaseModel):
    """A file that was not taken in, or not wholly."""

    path: str = Field(description="Relative to what was ingested.")
    reason: str
    next_step: str = ""


class Unreadable(Problem):
    """What should have been read and could not be."""


def walk(root: Path, *, most_bytes: int) -> Iterator[Path | Problem]:
    """Yield every document at or under `root`, in order, and a problem for everything passed over.

    Links are not followed: what they point to inside the root is met in its own place, and the rest is elsewhere.
    """
    if root.is_file():
        yield _skipped(root, root.parent, most_bytes) or root
        return
    unreadable: list[Problem] = []

    def note(error: OSError) -> None:
        where = Path(str(error.filename))
        unreadable.append(_unreadable(where, root, f"It cannot be listed: {error.strerror}."))

    for folder, folders, files in os.walk(root, onerror=note):
        here = Path(folder)
        for name in sorted(folders):
            if name.startswith(".") or name in NOT_ENTERED:
                yield _problem(here / name, root, "Hidden, generated or third-party folder.", "Ingest it by itself.")
            elif (here / name).is_symlink():
                yield _problem(here / name, root, "A link to a folder.", "Ingest the folder it points to.")
        folders[:] = sorted(n for n in folders if not (n.startswith(".") or n in NOT_ENTERED))
        for name in sorted(files):
            yield _skipped(here / name, root, most_bytes) or here / name
    yield from unreadable


def _skipped(path: Path, root: Path, most_bytes: int) -> Problem | None:
    suffix = path.suffix.lower()
    try:
        status = path.lstat()
    except OSError as error:
        return _unreadable(path, root, f"It cannot be read: {error.strerror}.")
    if stat.S_ISLNK(status.st_mode):
        return _problem(path, root, "A link.", "Ingest the file it points to.")
    if not stat.S_ISREG(status.st_mode):
        return _problem(path, root, "Not a file (a pipe, socket or device).")
    if path.name.startswith("."):
        return _problem(path, root, "Hidden file.", "Ingest a visible copy.")
    if suffix in TABLES:
        return _problem(path, root, "A table, not a document.", "Use sql_attach.")
    if suffix in IMAGES:
        return _problem(path, root, "An image; OCR is not installed.")
    if suffix in OTHER_OFFICE:
        return _problem(path, root, f"The format {suffix} is not read.", "Save it as PDF or DOCX.")
    if status.st_size > most_bytes:
        return _problem(
            path, root, f"Larger than {most_bytes // 1_000_000} MB.", "Split it, or raise max_file_mb in the settings."
        )
    return None


def _problem(path: Path, root: Path, reason: str, next_step: str = "") -> Problem:
    return Problem(path=path.relative_to(root).as_posix(), reason=reason, next_step=next_step)


def _unreadable(path: Path, root: Path, reason: str) -> Unreadable:
    return Unreadable(path=path.relative_to(root).as_posix(), reason=reason, next_step="Check its permissions.")
