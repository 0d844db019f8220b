"""Content-addressed files: what is too large for a journal row or an event travels as a reference to one of these."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, Field

from lyceum.errors import OperatorError, UserError


class Artifact(BaseModel):
    """A reference: `sha256` in hex names the bytes, `size` is in bytes."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int
    media_type: str = "application/octet-stream"
    name: str = ""


class ArtifactStore(Protocol):
    async def put(self, data: bytes, *, media_type: str = ..., name: str = ...) -> Artifact: ...

    async def get(self, sha256: str) -> bytes:
        """Return the bytes; raises UserError where there are none, OperatorError where they were altered."""
        ...


class FolderArtifacts:
    """Artifacts as files named by their hash, written atomically; putting the same bytes twice is free."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, sha256: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise UserError(f"{sha256!r} is not a SHA-256.", next_step="Send the 64 hex digits of an artifact.")
        return self._folder / sha256[:2] / sha256

    async def put(self, data: bytes, *, media_type: str = "application/octet-stream", name: str = "") -> Artifact:
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._path(sha256)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as temporary:
                temporary.write(data)
                temporary.flush()
                os.fsync(temporary.fileno())
            Path(temporary.name).replace(path)
        return Artifact(sha256=sha256, size=len(data), media_type=media_type, name=name)

    async def get(self, sha256: str) -> bytes:
        path = self._path(sha256)
        if not path.exists():
            raise UserError(f"There is no artifact {sha256[:12]}.", next_step="See `lyceum runs show`.")
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise OperatorError(f"Artifact {sha256[:12]} was altered on disk.", next_step="Restore it from a backup.")
        return data
