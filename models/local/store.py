"""Where pulled models lie: `LYCEUM_HOME/models/NAME/`, a GGUF file and the manifest that says what it must be."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from lyceum.errors import OperatorError, UserError
from lyceum.paths import ensure_writable

MAGIC = b"GGUF"
MANIFEST = "manifest.json"
_NAME = re.compile(r"\w[\w.-]*")  # one folder, and never the one above


class Manifest(BaseModel):
    """What was installed; `mtime_ns` is the file's own, so that a file which was not touched is not read again."""

    file: str
    size_bytes: int
    sha256: str
    mtime_ns: int
    source: str
    pulled: datetime


@dataclass(frozen=True)
class Installed:
    """A pulled model; `problem` says why its file cannot be used, and is empty when it can."""

    name: str
    path: Path
    manifest: Manifest
    problem: str = ""


def folder_of(name: str, home: Path) -> Path:
    return home / "models" / name


def path_of(name: str, home: Path) -> Path | None:
    """Return the GGUF file of a pulled model, None when it is not pulled; raises UserError when it is damaged."""
    found = find(name, home)
    if found is None:
        return None
    if found.problem:
        raise UserError(
            f"The model file of {name} is damaged: {found.problem}.",
            next_step=f"Fetch it again: `lyceum models pull {name}`.",
        )
    return found.path


def installed(home: Path) -> list[Installed]:
    """Return every pulled model by name, damaged ones included."""
    names = sorted(manifest.parent.name for manifest in (home / "models").glob(f"*/{MANIFEST}"))
    return [found for name in names if (found := find(name, home))]


def find(name: str, home: Path) -> Installed | None:
    """Return a pulled model, checked; its whole file is read only when it changed since it was last checked."""
    folder = folder_of(name, home)
    if not _NAME.fullmatch(name) or not (folder / MANIFEST).is_file():
        return None
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError):
        return None
    path = folder / Path(manifest.file).name
    if not path.is_file():
        return None
    return Installed(name, path, manifest, _problem(path, manifest))


def record(path: Path, sha256: str, source: str, pulled: datetime, *, measured: Path | None = None) -> Manifest:
    """Write the manifest of `path` from the checked file `measured` (`path` itself unless it is still to be moved)."""
    stat = (measured or path).stat()
    manifest = Manifest(
        file=path.name,
        size_bytes=stat.st_size,
        sha256=sha256,
        mtime_ns=stat.st_mtime_ns,
        source=source,
        pulled=pulled,
    )
    draft = path.with_name(f"{MANIFEST}.{os.getpid()}.new")
    draft.write_text(manifest.model_dump_json(indent=2), encoding="utf-8")
    draft.replace(path.with_name(MANIFEST))
    return manifest


@contextmanager
def alone(name: str, home: Path, *, busy: Callable[[], None]) -> Generator[Path]:
    """Keep other processes off a model's folder and yield it; `busy` is called before waiting for one to finish.

    The lock goes with the process, however that ends. Raises OperatorError when the folder cannot be written.
    """
    folder = folder_of(name, home)
    lock = ensure_writable(folder.parent) / f".{name}.lock"  # beside the folder, which may be removed
    with lock.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            busy()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield ensure_writable(folder)


def remove(name: str, home: Path) -> int:
    """Delete a model with what an unfinished pull left, and return the bytes set free; 0 when there was nothing.

    Raises OperatorError when the folder cannot be deleted, or is just being filled.
    """
    if not _NAME.fullmatch(name) or not folder_of(name, home).is_dir():
        return 0

    def busy() -> None:
        raise OperatorError(f"{name} is being pulled by another process.", next_step="Stop that one first.")

    try:
        with alone(name, home, busy=busy) as folder:
            freed = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            shutil.rmtree(folder)
            return freed
    except OSError as error:
        raise OperatorError(
            f"{folder_of(name, home)} cannot be deleted ({error.strerror}).",
            next_step="Make it writable, or delete it yourself.",
        ) from error


def is_gguf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _problem(path: Path, manifest: Manifest) -> str:
    try:
        stat = path.stat()
        if stat.st_size != manifest.size_bytes:
            return f"it has {stat.st_size:,} bytes of {manifest.size_bytes:,}"
        if not is_gguf(path):
            return "it is no GGUF file"
        if stat.st_mtime_ns == manifest.mtime_ns:
            return ""
        if sha256_of(path) != manifest.sha256:
            return "its SHA-256 is not the published one"
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    with suppress(OSError):  # a copied home is read through once; one that cannot be written, every time
        record(path, manifest.sha256, manifest.source, manifest.pulled)
    return ""
