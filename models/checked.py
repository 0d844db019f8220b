"""Is a large file the published one: hashed once, then remembered by where it lies, its size and its time."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from lyceum.errors import OperatorError

BLOCK = 1 << 20


def check(path: Path, sha256: str, memory: Path, *, next_step: str) -> None:
    """Raise OperatorError unless `path` has this SHA-256; what was found right is remembered in the folder `memory`.

    A file that was touched is hashed again. A memory that cannot be read or written costs time, nothing else.
    """
    status = path.stat()
    seen = {"path": str(path), "size": status.st_size, "changed": status.st_mtime_ns, "sha256": sha256}
    note = memory / f"checked-{sha256[:16]}.json"
    with contextlib.suppress(OSError, ValueError):
        if json.loads(note.read_text(encoding="utf-8")) == seen:
            return
    if _digest(path) != sha256:
        raise OperatorError(f"{path.name} is damaged: it is not the published file.", next_step=next_step)
    with contextlib.suppress(OSError):
        memory.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(seen), encoding="utf-8")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
