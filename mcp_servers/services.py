"""What a tool server may be given beside its settings. Everything is made on first use: listing tools costs nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lyceum.artifacts import ArtifactStore
    from lyceum.runs import Jobs, RunStore
    from models.embeddings import Embedder

CallTool = Callable[[str, str, dict[str, Any]], Awaitable[dict[str, Any]]]  # server, tool, arguments


@dataclass
class Services:
    """`home` is the state folder; `store` and `jobs` are there for servers that start or read long work.

    `resume` takes up a run that nobody drives, if this process may.
    `call` reaches the tools of other servers as this process connects to them; see `mcp_servers/peers.py`.
    """

    home: Path
    store: RunStore | None = None
    jobs: Jobs | None = None
    resume: Callable[[str], None] | None = None
    call: CallTool | None = None

    @cached_property
    def artifacts(self) -> ArtifactStore:
        from lyceum.artifacts import FolderArtifacts

        return FolderArtifacts(self.home / "artifacts")

    @cached_property
    def embedder(self) -> Embedder:
        from models.embeddings import default_embedder

        return default_embedder()
