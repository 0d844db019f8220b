"""The journal's table: one row a finished unit of work, in the run store's database file.

A row is written in one transaction with full sync, after the work and before anything that depends on it.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lyceum.artifacts import ArtifactStore
from lyceum.errors import UserError
from lyceum.run_store import check_fence, open_database, transaction
from lyceum.runs import Lease

# Larger values travel as a reference to an artifact, on every engine.
CLAIM_CHECK_BYTES = 256 * 1024

_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal(
    run TEXT NOT NULL, key TEXT NOT NULL, arguments TEXT NOT NULL, result TEXT, artifact TEXT,
    PRIMARY KEY(run, key)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Entry:
    arguments: str
    result: Any


class JournalStore:
    """What each run has finished, by step key."""

    def __init__(self, path: Path, artifacts: ArtifactStore) -> None:
        self._database = open_database(path)
        self._lock = threading.RLock()
        self._artifacts = artifacts
        with self._lock:
            self._database.executescript(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    async def get(self, run: str, key: str, arguments: str) -> Entry | None:
        """Return the finished entry; raises UserError when the step was journaled with other arguments."""
        with self._lock:
            row = self._database.execute(
                "SELECT arguments, result, artifact FROM journal WHERE run = ? AND key = ?", (run, key)
            ).fetchone()
        if row is None:
            return None
        if row["arguments"] != arguments:
            raise UserError(
                f"Run {run} cannot be resumed: step {key} was recorded with other arguments, so its code or input "
                "changed since.",
                next_step=f"Start it anew with `lyceum runs fork {run}`, or guard the change with ctx.version.",
            )
        payload = row["result"]
        if row["artifact"]:
            payload = (await self._artifacts.get(row["artifact"])).decode()
        return Entry(arguments=arguments, result=json.loads(payload))

    async def put(self, lease: Lease, key: str, arguments: str, result: Any) -> None:
        """Keep a finished unit; raises OperatorError when another process took the run over meanwhile."""
        payload: str | None = json.dumps(result, ensure_ascii=False)
        artifact = None
        if len(payload) > CLAIM_CHECK_BYTES:
            reference = await self._artifacts.put(payload.encode(), media_type="application/json")
            artifact, payload = reference.sha256, None
        with transaction(self._database, self._lock) as database:
            check_fence(database, lease.run, lease.fence)
            database.execute(
                "INSERT OR REPLACE INTO journal(run, key, arguments, result, artifact) VALUES (?, ?, ?, ?, ?)",
                (lease.run, key, arguments, payload, artifact),
            )
