"""Where runs and artifacts are kept, as the settings say: files of the home folder, or servers that machines share."""

from __future__ import annotations

from lyceum.artifacts import ArtifactStore, FolderArtifacts
from lyceum.errors import UserError
from lyceum.paths import ensure_writable
from lyceum.run_store import SqliteRunStore
from lyceum.runs import RunStore
from lyceum.settings import Settings


def open_store(settings: Settings) -> RunStore:
    """Return the run store that the settings name; raises UserError for one that the engine cannot use."""
    if settings.store is None:
        return SqliteRunStore(ensure_writable(settings.home) / "runs.db")
    address = settings.store.get_secret_value()
    if not address.startswith(("postgresql://", "postgres://")):
        raise UserError("`store` is no address of PostgreSQL.", next_step="Set it to postgresql://user@host/database.")
    if settings.engine != "temporal":
        raise UserError(
            "A run store in PostgreSQL is for runs on Temporal; the journal is a file of this machine.",
            next_step='Set engine = "temporal", or take `store` out.',
        )
    from lyceum.run_store_postgres import PostgresRunStore

    return PostgresRunStore(address)


async def close_store(store: RunStore) -> None:
    closing = getattr(store, "close", None)
    left = closing() if closing is not None else None
    if left is not None:
        await left


def open_artifacts(settings: Settings) -> ArtifactStore:
    if settings.artifacts is None:
        return FolderArtifacts(settings.home / "artifacts")
    from lyceum.artifacts_s3 import S3Artifacts

    return S3Artifacts(settings.artifacts)
