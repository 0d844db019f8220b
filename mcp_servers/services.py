"""What a tool server may be given beside its settings. Everything is made on first use: listing tools costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lyceum.artifacts import ArtifactStore
    from lyceum.runs import Jobs, RunStore
    from models.embeddings import Embedder


@dataclass
class Services:
    """`home` is the state folder; `store` and `jobs` are there for servers that start or read long work."""

    home: Path
    store: RunStore | None = None
    jobs: Jobs | None = None

    @cached_property
    def artifacts(self) -> ArtifactStore:
        from lyceum.artifacts import FolderArtifacts

        return FolderArtifacts(self.home / "artifacts")

    @cached_property
    def embedder(self) -> Embedder:
        from models.embeddings import default_embedder

        return default_embedder()
