"""The run store on one SQLite file (WAL, full sync: a committed event survives a power cut)."""

from __future__ import annotations

import json
import os
import secrets
import socket
import sqlite3
import threading
import time
import uuid
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from lyceum.errors import LeaseLost, OperatorError, StoreFailed, UserError
from lyceum.events import EVENT, Event, RunStatus
from lyceum.runs import Approval, Attachment, Decision, EventT, Lease, Run, Thread

_SCHEMA = """
CREATE TABLE IF NOT EXISTS threads(
    id TEXT PRIMARY KEY, title TEXT NOT NULL, created TEXT NOT NULL, attachments TEXT NOT NULL DEFAULT '[]');
CREATE TABLE IF NOT EXISTS runs(
    id TEXT PRIMARY KEY, thread TEXT NOT NULL REFERENCES threads(id), flow TEXT NOT NULL, input TEXT NOT NULL,
    status TEXT NOT NULL, created TEXT NOT NULL, parent TEXT, result TEXT, error TEXT NOT NULL DEFAULT '',
    engine TEXT NOT NULL DEFAULT 'journal');
CREATE INDEX IF NOT EXISTS runs_by_thread ON runs(thread, created);
CREATE TABLE IF NOT EXISTS events(
    run TEXT NOT NULL, seq INTEGER NOT NULL, once TEXT, event TEXT NOT NULL, PRIMARY KEY(run, seq)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS events_once ON events(run, once) WHERE once IS NOT NULL;
CREATE TABLE IF NOT EXISTS approvals(
    id TEXT PRIMARY KEY, run TEXT NOT NULL, key TEXT NOT NULL, title TEXT NOT NULL, request TEXT NOT NULL,
    decision TEXT, asked TEXT NOT NULL, edits TEXT, UNIQUE(run, key));
CREATE TABLE IF NOT EXISTS leases(run TEXT PRIMARY KEY, owner TEXT NOT NULL, fence INTEGER NOT NULL, until REAL);
"""

# Columns that files of earlier releases lack.
_ADDED = (("runs", "engine", "TEXT NOT NULL DEFAULT 'journal'"), ("approvals", "edits", "TEXT"))

# A tool that was once allowed for the rest of its thread is allowed by the store itself, whatever face asks next.
_ALLOW_AGAIN = """
UPDATE approvals SET decision = ? WHERE run = ? AND key = ? AND decision IS NULL AND EXISTS (
    SELECT 1 FROM approvals AS earlier
    JOIN runs AS before ON before.id = earlier.run JOIN runs AS now ON now.id = approvals.run
    WHERE before.thread = now.thread AND json_extract(earlier.decision, '$.always')
    AND json_extract(earlier.decision, '$.approved')
    AND json_extract(earlier.request, '$.tool') = json_extract(approvals.request, '$.tool')
    AND json_extract(earlier.request, '$.server') = json_extract(approvals.request, '$.server'))
"""

# A lease that seems to last longer was written before the clock was set back: it may be taken, the fence protects.
LONGEST_LEASE = 3600.0

_ATTACHMENTS = TypeAdapter(list[Attachment])


def open_database(path: Path) -> sqlite3.Connection:
    """Open a SQLite file for durable use by several processes; raises OperatorError when it cannot be had."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
    except (OSError, sqlite3.Error) as error:
        raise OperatorError(
            f"{path} cannot be opened for writing ({error}).",
            next_step="Set LYCEUM_HOME to a writable folder; if the file is damaged, move it away first.",
        ) from error
    database.row_factory = sqlite3.Row
    return database


def add_columns(database: sqlite3.Connection, added: Sequence[tuple[str, str, str]]) -> None:
    """Add (table, column, type) to a file that was made before the column was known."""
    for table, column, kind in added:
        known = {row["name"] for row in database.execute(f"PRAGMA table_info({table})")}
        if column not in known:
            try:
                database.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
            except sqlite3.OperationalError as error:  # another process was quicker
                if "duplicate column" not in str(error):
                    raise


@contextmanager
def transaction(database: sqlite3.Connection, lock: threading.RLock) -> Generator[sqlite3.Connection]:
    """One immediate transaction; raises StoreFailed for a full disk or a lock that never opens."""
    with lock:
        try:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise StoreFailed(
                f"The run store did not take a write ({error}).",
                next_step="Check free disk space and that no other process holds the file.",
            ) from error


def check_fence(database: sqlite3.Connection, run: str, fence: int) -> None:
    """Raise LeaseLost when the run has a newer driver than the one that holds this fence."""
    row = database.execute("SELECT fence FROM leases WHERE run = ?", (run,)).fetchone()
    if row is not None and row["fence"] != fence:
        raise LeaseLost(f"Another process took over run {run}.", next_step=f"Follow it with `lyceum runs watch {run}`.")


def check_decision(row: Any, run: str, approval: str, decision: Decision) -> None:
    """Raise UserError where a stored approval (None: there is none) is not this run's to decide, or not this way."""
    if row is None or row["run"] != run:
        raise UserError(f"Run {run} asks for no approval {approval!r}.", next_step=f"See `lyceum runs show {run}`.")
    if row["decision"] is not None:
        raise UserError("That approval is already decided.", next_step=f"See `lyceum runs show {run}`.")
    check_edits(decision, json.loads(row["edits"]) if row["edits"] else None)


def check_edits(decision: Decision, edits: Mapping[str, Any] | None) -> None:
    """Raise UserError where an edited answer does not fit the JSON schema that the asker gave."""
    if edits is None or decision.edited is None:
        return
    from jsonschema import ValidationError, validate

    try:
        validate(decision.edited, edits)
    except ValidationError as error:
        where = "/".join(str(part) for part in error.absolute_path) or "the answer"
        raise UserError(
            f"The edited answer does not fit: {where}: {error.message[:300]}.",
            next_step="Correct it and decide again; nothing was decided.",
        ) from None


def _now() -> str:
    return datetime.now(UTC).isoformat()


class SqliteRunStore:
    """A `RunStore` in `runs.db`; safe for several processes, and for threads of one."""

    def __init__(self, path: Path) -> None:
        self._database = open_database(path)
        self._lock = threading.RLock()
        with self._lock:
            self._database.executescript(_SCHEMA)
            add_columns(self._database, _ADDED)

    def close(self) -> None:
        self._database.close()

    # threads

    async def create_thread(self, title: str) -> Thread:
        thread = Thread(id=uuid.uuid4().hex[:12], title=title[:120], created=datetime.now(UTC))
        with transaction(self._database, self._lock) as database:
            database.execute(
                "INSERT INTO threads(id, title, created) VALUES (?, ?, ?)",
                (thread.id, thread.title, thread.created.isoformat()),
            )
        return thread

    async def thread(self, thread: str) -> Thread:
        row = self._one("SELECT * FROM threads WHERE id = ?", thread)
        if row is None:
            raise UserError(f"There is no thread {thread!r}.", next_step="See `lyceum runs list`.")
        return _thread(row)

    async def threads(self, *, limit: int = 50) -> list[Thread]:
        query = """SELECT threads.* FROM threads LEFT JOIN runs ON runs.thread = threads.id
                   GROUP BY threads.id ORDER BY MAX(COALESCE(runs.created, threads.created)) DESC LIMIT ?"""
        return [_thread(row) for row in self._all(query, limit)]

    async def rename_thread(self, thread: str, title: str) -> None:
        with transaction(self._database, self._lock) as database:
            database.execute("UPDATE threads SET title = ? WHERE id = ?", (title[:120], thread))

    async def attach(self, thread: str, attachments: Sequence[Attachment]) -> Thread:
        with transaction(self._database, self._lock) as database:
            row = database.execute("SELECT * FROM threads WHERE id = ?", (thread,)).fetchone()
            if row is None:
                raise UserError(f"There is no thread {thread!r}.", next_step="See `lyceum runs list`.")
            known = {(a.kind, a.name): a for a in [*_thread(row).attachments, *attachments]}
            together = _ATTACHMENTS.dump_json(list(known.values())).decode()
            database.execute("UPDATE threads SET attachments = ? WHERE id = ?", (together, thread))
        return await self.thread(thread)

    # runs

    async def create_run(
        self,
        thread: str,
        flow: str,
        input: Any,  # noqa: A002
        *,
        parent: str | None = None,
        engine: str = "journal",
        run: str | None = None,
    ) -> Run:
        await self.thread(thread)
        run_id = run or uuid.uuid4().hex[:12]
        with transaction(self._database, self._lock) as database:
            database.execute(
                """INSERT OR IGNORE INTO runs(id, thread, flow, input, status, created, parent, engine)
                   VALUES (?, ?, ?, ?, 'queued', ?, ?, ?)""",
                (run_id, thread, flow, _json(input), _now(), parent, engine),
            )
        return await self.run(run_id)

    async def run(self, run: str) -> Run:
        row = self._one("SELECT * FROM runs WHERE id = ?", run)
        if row is None:
            raise UserError(f"There is no run {run!r}.", next_step="See `lyceum runs list`.")
        return _run(row)

    async def runs(self, *, thread: str | None = None, status: Sequence[RunStatus] = (), limit: int = 50) -> list[Run]:
        chosen = json.dumps(status)
        query = """SELECT * FROM runs WHERE (? IS NULL OR thread = ?)
                   AND (? = '[]' OR status IN (SELECT value FROM json_each(?)))
                   ORDER BY created DESC, rowid DESC LIMIT ?"""
        return [_run(row) for row in self._all(query, thread, thread, chosen, chosen, limit)]

    async def set_status(
        self, run: str, status: RunStatus, *, result: Any = None, error: str = "", fence: int | None = None
    ) -> None:
        with transaction(self._database, self._lock) as database:
            if fence is not None:
                check_fence(database, run, fence)
            database.execute(
                "UPDATE runs SET status = ?, result = COALESCE(?, result), error = ? WHERE id = ?",
                (status, None if result is None else _json(result), error, run),
            )

    # events

    async def append(self, run: str, event: EventT, *, once: str | None = None, fence: int | None = None) -> EventT:
        with transaction(self._database, self._lock) as database:
            if fence is not None:
                check_fence(database, run, fence)
            if once is not None:
                row = database.execute("SELECT event FROM events WHERE run = ? AND once = ?", (run, once)).fetchone()
                if row is not None:
                    return type(event).model_validate_json(row["event"])
            last = database.execute("SELECT COALESCE(MAX(seq), 0) AS seq FROM events WHERE run = ?", (run,)).fetchone()
            kept = event.model_copy(update={"run": run, "seq": last["seq"] + 1})
            database.execute(
                "INSERT INTO events(run, seq, once, event) VALUES (?, ?, ?, ?)",
                (run, last["seq"] + 1, once, kept.model_dump_json()),
            )
        return kept

    async def events(self, run: str, *, after: int = 0) -> list[Event]:
        rows = self._all("SELECT event FROM events WHERE run = ? AND seq > ? ORDER BY seq", run, after)
        return [EVENT.validate_json(row["event"]) for row in rows]

    # approvals

    async def ask(
        self, run: str, key: str, *, title: str, request: dict[str, Any], edits: dict[str, Any] | None = None
    ) -> Approval:
        with transaction(self._database, self._lock) as database:
            database.execute(
                """INSERT OR IGNORE INTO approvals(id, run, key, title, request, asked, edits)
                   VALUES (?, ?, ?, ?, ?, ?, ?)""",
                (secrets.token_urlsafe(12), run, key, title, _json(request), _now(), edits and _json(edits)),
            )
            database.execute(_ALLOW_AGAIN, (Decision(approved=True, by="always").model_dump_json(), run, key))
        row = self._one("SELECT * FROM approvals WHERE run = ? AND key = ?", run, key)
        assert row is not None
        return _approval(row)

    async def approvals(self, *, run: str | None = None, pending: bool = True) -> list[Approval]:
        query = """SELECT * FROM approvals WHERE (? IS NULL OR run = ?) AND (NOT ? OR decision IS NULL)
                   ORDER BY asked"""
        return [_approval(row) for row in self._all(query, run, run, pending)]

    async def decide(self, run: str, approval: str, decision: Decision) -> Approval:
        with transaction(self._database, self._lock) as database:
            row = database.execute("SELECT * FROM approvals WHERE id = ?", (approval,)).fetchone()
            check_decision(row, run, approval, decision)
            database.execute("UPDATE approvals SET decision = ? WHERE id = ?", (decision.model_dump_json(), approval))
        row = self._one("SELECT * FROM approvals WHERE id = ?", approval)
        assert row is not None
        return _approval(row)

    # leases: the fence grows with every change of owner and never falls

    async def acquire(self, run: str, owner: str, *, seconds: float = 30.0) -> Lease | None:
        with transaction(self._database, self._lock) as database:
            row = database.execute("SELECT * FROM leases WHERE run = ?", (run,)).fetchone()
            now = time.time()
            taken = row is not None and row["owner"] != owner and now < row["until"] < now + LONGEST_LEASE
            if taken and row is not None and not _gone(str(row["owner"])):
                return None
            fence = 1 if row is None else row["fence"] + 1
            database.execute(
                "INSERT OR REPLACE INTO leases(run, owner, fence, until) VALUES (?, ?, ?, ?)",
                (run, owner, fence, now + seconds),
            )
        return Lease(run=run, owner=owner, fence=fence)

    async def renew(self, lease: Lease, *, seconds: float = 30.0) -> bool:
        with transaction(self._database, self._lock) as database:
            changed = database.execute(
                "UPDATE leases SET until = ? WHERE run = ? AND fence = ? AND owner = ?",
                (time.time() + seconds, lease.run, lease.fence, lease.owner),
            )
            return changed.rowcount == 1

    async def release(self, lease: Lease) -> None:
        with transaction(self._database, self._lock) as database:
            database.execute("UPDATE leases SET until = 0 WHERE run = ? AND fence = ?", (lease.run, lease.fence))

    async def holder(self, run: str) -> str | None:
        row = self._one("SELECT owner, until FROM leases WHERE run = ?", run)
        held = row is not None and row["until"] > time.time() and not _gone(row["owner"])
        return row["owner"] if row is not None and held else None

    def _one(self, query: str, *values: object) -> sqlite3.Row | None:
        with self._lock:
            return self._database.execute(query, values).fetchone()

    def _all(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._database.execute(query, values).fetchall()


def _gone(owner: str) -> bool:
    """Tell whether a lease's owner (host:pid:...) was a process of this machine that no longer runs."""
    host, _, rest = owner.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(int(pid))


def _is_zombie(pid: int) -> bool:
    """Tell whether a process is dead and only waits to be buried by its parent, where the system says so."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def _json(value: Any) -> str:
    return value.model_dump_json() if isinstance(value, BaseModel) else json.dumps(value, ensure_ascii=False)


def _thread(row: sqlite3.Row) -> Thread:
    return Thread(id=row["id"], title=row["title"], created=row["created"], attachments=json.loads(row["attachments"]))


def _run(row: sqlite3.Row) -> Run:
    values = {**dict(row), "input": json.loads(row["input"])}
    return Run.model_validate({**values, "result": json.loads(row["result"]) if row["result"] else None})


def _approval(row: sqlite3.Row) -> Approval:
    decision = Decision.model_validate_json(row["decision"]) if row["decision"] else None
    edits = json.loads(row["edits"]) if row["edits"] else None
    kept = {**dict(row), "request": json.loads(row["request"]), "decision": decision, "edits": edits}
    return Approval.model_validate(kept)
