"""Where passages' vectors are searched: exactly in memory, or in an index of Qdrant or PostgreSQL.

SQLite keeps every vector, so that an index can be made anew, changed for another, and measured against the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import Field, SecretStr

from lyceum.errors import OperatorError
from lyceum.extras import install_command
from lyceum.settings import Section

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

Kind = Literal["exact", "edge", "qdrant", "pgvector"]
MISSING = f"Install the vectors extra: {install_command('vectors')}"


class VectorIndex(Protocol):
    """Unit vectors by passage id; methods raise OperatorError, Unavailable where a server does not answer."""

    def ids(self) -> set[int]: ...

    def add(self, ids: Sequence[int], vectors: Floats) -> None:
        """Add or replace; `vectors` is float32 (len(ids), d)."""
        ...

    def remove(self, ids: Sequence[int]) -> None: ...

    def nearest(self, vector: Floats, limit: int, among: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """Return up to `limit` ids with their cosines, best first; only those of `among` where it is given."""
        ...

    def optimize(self) -> None:
        """Bring the index up to what was added; called after every change, before searching."""
        ...

    def drop(self) -> None:
        """Delete everything it keeps."""
        ...

    def close(self) -> None: ...


class VectorSettings(Section):
    """`auto` searches exactly and moves to Qdrant Edge beyond `edge_from` passages where the extra is installed."""

    kind: Literal["auto", "exact", "edge", "qdrant", "pgvector"] = "auto"
    url: SecretStr = Field(
        default=SecretStr(""), description="Of the Qdrant server (http...) or the PostgreSQL database (postgresql...)."
    )
    api_key: SecretStr = Field(default=SecretStr(""), description="Of the Qdrant server.")
    edge_from: int = Field(default=50_000, ge=1, description="Passages up to which a search is exact.")


Open = Callable[[str, int], VectorIndex]


def chosen(settings: VectorSettings, size: int) -> Kind:
    """Return the kind of index for so many passages."""
    if settings.kind != "auto":
        return settings.kind
    return "edge" if size > settings.edge_from and edge_is_installed() else "exact"


def edge_is_installed() -> bool:
    from importlib.util import find_spec

    return find_spec("qdrant_edge") is not None


def open_index(kind: Kind, settings: VectorSettings, folder: Path, name: str, dimensions: int) -> VectorIndex:
    """Open or make the index `name`; raises OperatorError with what is missing."""
    try:
        if kind == "edge":
            from mcp_servers.retrieval.vectors.edge import EdgeVectors

            return EdgeVectors(folder / f"{name}.edge", dimensions)
        if kind == "qdrant":
            from mcp_servers.retrieval.vectors.qdrant import QdrantVectors

            return QdrantVectors(_url(settings, "http"), settings.api_key, name, dimensions)
        if kind == "pgvector":
            from mcp_servers.retrieval.vectors.postgres import PostgresVectors

            return PostgresVectors(_url(settings, "postgres"), name, dimensions)
    except ImportError:
        raise OperatorError(f"The vector index {kind} is not installed.", next_step=MISSING) from None
    from mcp_servers.retrieval.vectors.exact import ExactVectors

    return ExactVectors(dimensions)


def _url(settings: VectorSettings, scheme: str) -> str:
    url = settings.url.get_secret_value()
    if not url.startswith(scheme):
        raise OperatorError(
            f"The vector index {settings.kind} needs an address that begins with {scheme}.",
            next_step="Set LYCEUM_SERVERS__RETRIEVAL__VECTORS__URL or servers.retrieval.vectors.url in lyceum.toml.",
        )
    return url
