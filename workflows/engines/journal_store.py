"""The journal's tables: one row a finished unit of work, in the run store's database file.

A row is written in one transaction with full sync, after the work and before anything that depends on it.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lyceum.artifacts import ArtifactStore
from lyceum.events import Forked, RunStarted
from lyceum.run_store import add_columns, check_fence, open_database, transaction
from lyceum.runs import Lease, Run
from workflows.engines.failures import Failure

# Larger values travel as a reference to an artifact, on every engine.
CLAIM_CHECK_BYTES = 256 * 1024

_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal(
    run TEXT NOT NULL, key TEXT NOT NULL, arguments TEXT NOT NULL, result TEXT, artifact TEXT, error TEXT,
    at REAL NOT NULL DEFAULT 0, PRIMARY KEY(run, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS driving(
    run TEXT PRIMARY KEY, deaths INTEGER NOT NULL, entries INTEGER NOT NULL, wake REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS beats(
    run TEXT NOT NULL, key TEXT NOT NULL, progress TEXT NOT NULL, PRIMARY KEY(run, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS inbox(
    run TEXT NOT NULL, seq INTEGER NOT NULL, channel TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY(run, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forks(
    run TEXT PRIMARY KEY, origin TEXT NOT NULL, at REAL NOT NULL, idle REAL NOT NULL) WITHOUT ROWID;
"""
_ADDED = (("journal", "error", "TEXT"), ("journal", "at", "REAL NOT NULL DEFAULT 0"))


@dataclass(frozen=True)
class Entry:
    """A finished unit: its result as JSON text, here or as an artifact, or how it failed; `at` orders them."""

    arguments: str
    result: str | None
    artifact: str | None
    failure: Failure | None
    at: float = 0.0


class JournalStore:
    """What each run has finished, by step key."""

    def __init__(self, path: Path, artifacts: ArtifactStore) -> None:
        self._database = open_database(path)
        self._lock = threading.RLock()
        self._artifacts = artifacts
        with self._lock:
            self._database.executescript(_SCHEMA)
            add_columns(self._database, _ADDED)

    def close(self) -> None:
        self._database.close()

    async def entries(self, run: str) -> dict[str, Entry]:
        """Return all that a run has finished, by key."""
        query = "SELECT key, arguments, result, artifact, error, at FROM journal WHERE run = ?"
        with self._lock:
            rows = self._database.execute(query, (run,)).fetchall()
        return {
            key: Entry(arguments, result, artifact, Failure.model_validate_json(error) if error else None, at)
            for key, arguments, result, artifact, error, at in rows
        }

    async def value(self, entry: Entry) -> Any:
        """Return what an entry holds; raises OperatorError where its artifact was lost or altered."""
        payload = entry.result
        if payload is None:
            payload = (await self._artifacts.get(entry.artifact or "")).decode()
        return json.loads(payload)

    async def put(
        self, lease: Lease, key: str, arguments: str, result: Any = None, failure: Failure | None = None
    ) -> Entry:
        """Keep a finished unit; raises LeaseLost when another process took the run over meanwhile."""
        payload: str | None = json.dumps(result, ensure_ascii=False)
        artifact = None
        if len(payload) > CLAIM_CHECK_BYTES:
            reference = await self._artifacts.put(payload.encode(), media_type="application/json")
            artifact, payload = reference.sha256, None
        error = failure.model_dump_json() if failure else None
        at = time.time()
        with transaction(self._database, self._lock) as database:
            check_fence(database, lease.run, lease.fence)
            database.execute(
                """INSERT OR REPLACE INTO journal(run, key, arguments, result, artifact, error, at)
                   VALUES (?, ?, ?, ?, ?, ?, ?)""",
                (lease.run, key, arguments, payload, artifact, error, at),
            )
        return Entry(arguments, payload, artifact, failure, at)

    async def forget(self, run: str, keys: list[str]) -> None:
        with transaction(self._database, self._lock) as database:
            database.executemany("DELETE FROM journal WHERE run = ? AND key = ?", [(run, key) for key in keys])

    # forks: a run that begins with what another one has finished

    async def fork(self, run: Run, new: str, step: str, keys: Sequence[str]) -> RunStarted:
        """Begin run `new` with what `run` finished, was told and was answered at `keys`, in one transaction.

        Returns the new run's first event, which says how much was kept and how long the run had lain idle.
        """
        kept, now = set(keys), time.time()
        with transaction(self._database, self._lock) as database:
            known = database.execute("SELECT at, idle FROM forks WHERE run = ?", (run.id,)).fetchone()
            rows = database.execute("SELECT * FROM journal WHERE run = ?", (run.id,)).fetchall()
            rows = [row for row in rows if row["key"] in kept]
            last = max((row["at"] for row in rows), default=now)
            idle = max(0.0, now - last) + (known["idle"] if known is not None and known["at"] < last else 0.0)
            events = database.execute("SELECT once, event FROM events WHERE run = ? ORDER BY seq", (run.id,)).fetchall()
            events = [row for row in events if row["once"] in kept]
            started = RunStarted(
                run=new, seq=1, flow=run.flow, thread=run.thread, input=run.input,
                forked=Forked(run=run.id, step=step, kept=len(events), idle=idle),
            )  # fmt: skip
            database.execute(
                """INSERT INTO runs(id, thread, flow, input, status, created, engine)
                   SELECT ?, thread, flow, input, 'queued', ?, engine FROM runs WHERE id = ?""",
                (new, started.at.isoformat(), run.id),
            )
            database.execute("INSERT INTO forks(run, origin, at, idle) VALUES (?, ?, ?, ?)", (new, run.id, now, idle))
            database.executemany(
                """INSERT INTO journal(run, key, arguments, result, artifact, error, at)
                   SELECT ?, key, arguments, result, artifact, error, at FROM journal WHERE run = ? AND key = ?""",
                [(new, run.id, row["key"]) for row in rows],
            )
            told = [(new, 1, "started", started.model_dump_json())]
            for seq, row in enumerate(events, 2):
                event = json.dumps({**json.loads(row["event"]), "run": new, "seq": seq}, ensure_ascii=False)
                told.append((new, seq, row["once"], event))
            database.executemany("INSERT INTO events(run, seq, once, event) VALUES (?, ?, ?, ?)", told)
            answered = database.execute(
                "SELECT key FROM approvals WHERE run = ? AND decision IS NOT NULL", (run.id,)
            ).fetchall()
            database.executemany(
                """INSERT INTO approvals(id, run, key, title, request, decision, asked, edits)
                   SELECT ?, ?, key, title, request, decision, asked, edits FROM approvals WHERE run = ? AND key = ?""",
                [(secrets.token_urlsafe(12), new, run.id, row["key"]) for row in answered if row["key"] in kept],
            )
            lists = [json.loads(row["result"] or "[]") for row in rows if row["key"].endswith(":received")]
            heard = [note[0] for notes in lists for note in notes]
            database.execute(
                """INSERT INTO inbox(run, seq, channel, text)
                   SELECT ?, seq, channel, text FROM inbox WHERE run = ? AND seq <= ?""",
                (new, run.id, max(heard, default=0)),
            )
        return started

    async def keys(self, run: str) -> list[str]:
        """Return every key under which a run finished, asked or said something."""
        query = """SELECT key FROM journal WHERE run = ? UNION SELECT key FROM approvals WHERE run = ?
                   UNION SELECT once FROM events WHERE run = ? AND once IS NOT NULL"""
        with self._lock:
            return [row["key"] for row in self._database.execute(query, (run, run, run))]

    async def origins(self, run: str) -> list[str]:
        """Return the run that a run was forked from, the one before that, and so on."""
        query = """WITH RECURSIVE line(run, depth) AS (
                       SELECT origin, 1 FROM forks WHERE run = ?
                       UNION ALL SELECT origin, depth + 1 FROM forks JOIN line ON forks.run = line.run)
                   SELECT run FROM line ORDER BY depth"""
        with self._lock:
            return [row["run"] for row in self._database.execute(query, (run,))]

    # who drives: a process that dies leaves its mark

    async def begin(self, lease: Lease, entries: int) -> int:
        """Count a drive and return how many before it died in a row without finishing anything."""
        with transaction(self._database, self._lock) as database:
            check_fence(database, lease.run, lease.fence)
            row = database.execute("SELECT deaths, entries FROM driving WHERE run = ?", (lease.run,)).fetchone()
            deaths = row["deaths"] if row is not None and row["entries"] == entries else 0
            database.execute(
                "INSERT OR REPLACE INTO driving(run, deaths, entries) VALUES (?, ?, ?)",
                (lease.run, deaths + 1, entries),
            )
        return deaths

    async def end(self, lease: Lease, wake: float | None = None) -> None:
        """Take the mark back; `wake` is when the run should be driven again, in seconds since 1970."""
        with transaction(self._database, self._lock) as database:
            check_fence(database, lease.run, lease.fence)
            database.execute("UPDATE driving SET deaths = 0, wake = ? WHERE run = ?", (wake, lease.run))

    async def wakes(self, before: float) -> set[str]:
        """Return the runs whose moment has come."""
        query = "SELECT run FROM driving WHERE wake IS NOT NULL AND wake <= ?"
        with self._lock:
            return {row["run"] for row in self._database.execute(query, (before,))}

    # heartbeats and what was sent to a run

    async def beat(self, lease: Lease, key: str, progress: Any) -> None:
        with transaction(self._database, self._lock) as database:
            check_fence(database, lease.run, lease.fence)
            database.execute(
                "INSERT OR REPLACE INTO beats(run, key, progress) VALUES (?, ?, ?)",
                (lease.run, key, json.dumps(progress)),
            )

    async def beats(self, run: str) -> dict[str, Any]:
        with self._lock:
            rows = self._database.execute("SELECT key, progress FROM beats WHERE run = ?", (run,)).fetchall()
        return {row["key"]: json.loads(row["progress"]) for row in rows}

    async def send(self, run: str, channel: str, text: str) -> None:
        with transaction(self._database, self._lock) as database:
            database.execute(
                """INSERT INTO inbox(run, seq, channel, text)
                   SELECT ?, COALESCE(MAX(seq), 0) + 1, ?, ? FROM inbox WHERE run = ?""",
                (run, channel, text, run),
            )

    async def sent(self, run: str, channel: str, after: int) -> list[tuple[int, str]]:
        query = "SELECT seq, text FROM inbox WHERE run = ? AND channel = ? AND seq > ? ORDER BY seq"
        with self._lock:
            return [(row["seq"], row["text"]) for row in self._database.execute(query, (run, channel, after))]
