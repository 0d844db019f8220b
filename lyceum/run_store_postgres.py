"""The run store in PostgreSQL, for clients and workers that share no disk: the same promises as the embedded one."""

from __future__ import annotations

import asyncio
import json
import secrets
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, TypeAdapter

from lyceum.errors import LeaseLost, OperatorError, StoreFailed, UserError
from lyceum.events import EVENT, Event, RunStatus
from lyceum.extras import install_command
from lyceum.run_store import LONGEST_LEASE, check_decision
from lyceum.runs import Approval, Attachment, Decision, EventT, Lease, Run, Thread

if TYPE_CHECKING:
    from psycopg import AsyncConnection

_SCHEMA = """
CREATE TABLE IF NOT EXISTS lyceum_threads(
    id TEXT PRIMARY KEY, title TEXT NOT NULL, created TIMESTAMPTZ NOT NULL, attachments TEXT NOT NULL DEFAULT '[]');
CREATE TABLE IF NOT EXISTS lyceum_runs(
    id TEXT PRIMARY KEY, thread TEXT NOT NULL REFERENCES lyceum_threads(id), flow TEXT NOT NULL, input TEXT NOT NULL,
    status TEXT NOT NULL, created TIMESTAMPTZ NOT NULL, parent TEXT, result TEXT, error TEXT NOT NULL DEFAULT '',
    engine TEXT NOT NULL, number BIGSERIAL);
CREATE INDEX IF NOT EXISTS lyceum_runs_by_thread ON lyceum_runs(thread, created);
CREATE TABLE IF NOT EXISTS lyceum_events(
    run TEXT NOT NULL, seq INTEGER NOT NULL, once TEXT, event TEXT NOT NULL, PRIMARY KEY(run, seq));
CREATE UNIQUE INDEX IF NOT EXISTS lyceum_events_once ON lyceum_events(run, once) WHERE once IS NOT NULL;
CREATE TABLE IF NOT EXISTS lyceum_approvals(
    id TEXT PRIMARY KEY, run TEXT NOT NULL, key TEXT NOT NULL, title TEXT NOT NULL, request TEXT NOT NULL,
    decision TEXT, asked TIMESTAMPTZ NOT NULL, edits TEXT, UNIQUE(run, key));
CREATE TABLE IF NOT EXISTS lyceum_leases(
    run TEXT PRIMARY KEY, owner TEXT NOT NULL, fence INTEGER NOT NULL, until TIMESTAMPTZ NOT NULL);
"""
# Two processes that create the tables at once would collide in the catalogue.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(7231945)"

_ALLOW_AGAIN = """
UPDATE lyceum_approvals AS asking SET decision = %s WHERE run = %s AND key = %s AND decision IS NULL AND EXISTS (
    SELECT 1 FROM lyceum_approvals AS earlier
    JOIN lyceum_runs AS before ON before.id = earlier.run JOIN lyceum_runs AS now ON now.id = asking.run
    WHERE before.thread = now.thread AND earlier.decision IS NOT NULL
    AND (earlier.decision::jsonb ->> 'always')::boolean AND (earlier.decision::jsonb ->> 'approved')::boolean
    AND earlier.request::jsonb ->> 'tool' = asking.request::jsonb ->> 'tool'
    AND earlier.request::jsonb ->> 'server' = asking.request::jsonb ->> 'server')
"""
_ATTACHMENTS = TypeAdapter(list[Attachment])


class PostgresRunStore:
    """A `RunStore` at a `postgresql://` address; it connects when it is first used, and again when the server was away.

    Raises OperatorError without psycopg, StoreFailed where the server takes no write or does not answer.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._lock = asyncio.Lock()
        self._connection: AsyncConnection[dict[str, Any]] | None = None

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def _connect(self) -> AsyncConnection[dict[str, Any]]:
        try:
            from psycopg import AsyncConnection
            from psycopg.rows import dict_row
        except ModuleNotFoundError:
            raise OperatorError(
                "PostgreSQL's driver is not installed.", next_step=install_command("postgres")
            ) from None
        rows: Any = dict_row
        made: Any = await AsyncConnection.connect(self._address, autocommit=True, row_factory=rows)
        async with made.transaction():
            await made.execute(_ONE_AT_A_TIME)
            await made.execute(_SCHEMA)
        return made

    @asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[AsyncConnection[dict[str, Any]]]:
        """One transaction; a server that does not answer becomes StoreFailed, without its own words."""
        async with self._lock:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = await self._connect()
                async with self._connection.transaction():
                    yield self._connection
            except (LeaseLost, UserError, OperatorError):
                raise
            except Exception as error:
                if type(error).__module__.partition(".")[0] != "psycopg":
                    raise
                raise StoreFailed(
                    f"The run store in PostgreSQL did not answer ({type(error).__name__}).",
                    next_step="Check that the server of `store` runs, and its free space.",
                ) from None

    async def _all(self, query: str, *values: object) -> list[dict[str, Any]]:
        async with self._transaction() as database:
            return await (await database.execute(query, values)).fetchall()  # pyright: ignore[reportArgumentType]

    async def _one(self, query: str, *values: object) -> dict[str, Any] | None:
        rows = await self._all(query, *values)
        return rows[0] if rows else None

    # threads

    async def create_thread(self, title: str) -> Thread:
        thread = Thread(id=uuid.uuid4().hex[:12], title=title[:120], created=datetime.now(UTC))
        async with self._transaction() as database:
            await database.execute(
                "INSERT INTO lyceum_threads(id, title, created) VALUES (%s, %s, %s)",
                (thread.id, thread.title, thread.created),
            )
        return thread

    async def thread(self, thread: str) -> Thread:
        row = await self._one("SELECT * FROM lyceum_threads WHERE id = %s", thread)
        if row is None:
            raise UserError(f"There is no thread {thread!r}.", next_step="See `lyceum runs list`.")
        return _thread(row)

    async def threads(self, *, limit: int = 50) -> list[Thread]:
        query = """SELECT t.* FROM lyceum_threads AS t LEFT JOIN lyceum_runs AS r ON r.thread = t.id
                   GROUP BY t.id ORDER BY MAX(COALESCE(r.created, t.created)) DESC LIMIT %s"""
        return [_thread(row) for row in await self._all(query, limit)]

    async def rename_thread(self, thread: str, title: str) -> None:
        async with self._transaction() as database:
            await database.execute("UPDATE lyceum_threads SET title = %s WHERE id = %s", (title[:120], thread))

    async def attach(self, thread: str, attachments: Sequence[Attachment]) -> Thread:
        async with self._transaction() as database:
            found = await database.execute("SELECT * FROM lyceum_threads WHERE id = %s FOR UPDATE", (thread,))
            row = await found.fetchone()
            if row is None:
                raise UserError(f"There is no thread {thread!r}.", next_step="See `lyceum runs list`.")
            known = {(a.kind, a.name): a for a in [*_thread(row).attachments, *attachments]}
            together = _ATTACHMENTS.dump_json(list(known.values())).decode()
            await database.execute("UPDATE lyceum_threads SET attachments = %s WHERE id = %s", (together, thread))
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
        async with self._transaction() as database:
            await database.execute(
                """INSERT INTO lyceum_runs(id, thread, flow, input, status, created, parent, engine)
                   VALUES (%s, %s, %s, %s, 'queued', %s, %s, %s) ON CONFLICT DO NOTHING""",
                (run_id, thread, flow, _json(input), datetime.now(UTC), parent, engine),
            )
        return await self.run(run_id)

    async def run(self, run: str) -> Run:
        row = await self._one("SELECT * FROM lyceum_runs WHERE id = %s", run)
        if row is None:
            raise UserError(f"There is no run {run!r}.", next_step="See `lyceum runs list`.")
        return _run(row)

    async def runs(self, *, thread: str | None = None, status: Sequence[RunStatus] = (), limit: int = 50) -> list[Run]:
        query = """SELECT * FROM lyceum_runs WHERE (%s::text IS NULL OR thread = %s)
                   AND (%s OR status = ANY(%s)) ORDER BY created DESC, number DESC LIMIT %s"""
        return [_run(row) for row in await self._all(query, thread, thread, not status, list(status), limit)]

    async def set_status(
        self, run: str, status: RunStatus, *, result: Any = None, error: str = "", fence: int | None = None
    ) -> None:
        async with self._transaction() as database:
            await _check_fence(database, run, fence)
            await database.execute(
                "UPDATE lyceum_runs SET status = %s, result = COALESCE(%s, result), error = %s WHERE id = %s",
                (status, None if result is None else _json(result), error, run),
            )

    # events

    async def append(self, run: str, event: EventT, *, once: str | None = None, fence: int | None = None) -> EventT:
        async with self._transaction() as database:
            await database.execute("SELECT 1 FROM lyceum_runs WHERE id = %s FOR UPDATE", (run,))
            await _check_fence(database, run, fence)
            if once is not None:
                query = "SELECT event FROM lyceum_events WHERE run = %s AND once = %s"
                row = await (await database.execute(query, (run, once))).fetchone()
                if row is not None:
                    return type(event).model_validate_json(row["event"])
            query = "SELECT COALESCE(MAX(seq), 0) AS seq FROM lyceum_events WHERE run = %s"
            last = await (await database.execute(query, (run,))).fetchone()
            seq = (last["seq"] if last else 0) + 1
            kept = event.model_copy(update={"run": run, "seq": seq})
            await database.execute(
                "INSERT INTO lyceum_events(run, seq, once, event) VALUES (%s, %s, %s, %s)",
                (run, seq, once, kept.model_dump_json()),
            )
        return kept

    async def events(self, run: str, *, after: int = 0) -> list[Event]:
        query = "SELECT event FROM lyceum_events WHERE run = %s AND seq > %s ORDER BY seq"
        return [EVENT.validate_json(row["event"]) for row in await self._all(query, run, after)]

    # approvals

    async def ask(
        self, run: str, key: str, *, title: str, request: dict[str, Any], edits: dict[str, Any] | None = None
    ) -> Approval:
        async with self._transaction() as database:
            await database.execute(
                """INSERT INTO lyceum_approvals(id, run, key, title, request, asked, edits)
                   VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING""",
                (secrets.token_urlsafe(12), run, key, title, _json(request), datetime.now(UTC), edits and _json(edits)),
            )
            await database.execute(_ALLOW_AGAIN, (Decision(approved=True, by="always").model_dump_json(), run, key))
        row = await self._one("SELECT * FROM lyceum_approvals WHERE run = %s AND key = %s", run, key)
        assert row is not None
        return _approval(row)

    async def approvals(self, *, run: str | None = None, pending: bool = True) -> list[Approval]:
        query = """SELECT * FROM lyceum_approvals WHERE (%s::text IS NULL OR run = %s)
                   AND (NOT %s OR decision IS NULL) ORDER BY asked"""
        return [_approval(row) for row in await self._all(query, run, run, pending)]

    async def decide(self, run: str, approval: str, decision: Decision) -> Approval:
        async with self._transaction() as database:
            found = await database.execute("SELECT * FROM lyceum_approvals WHERE id = %s FOR UPDATE", (approval,))
            row = await found.fetchone()
            check_decision(row, run, approval, decision)
            await database.execute(
                "UPDATE lyceum_approvals SET decision = %s WHERE id = %s", (decision.model_dump_json(), approval)
            )
        row = await self._one("SELECT * FROM lyceum_approvals WHERE id = %s", approval)
        assert row is not None
        return _approval(row)

    # leases: the server's clock counts, so that the holders' clocks need not agree

    async def acquire(self, run: str, owner: str, *, seconds: float = 30.0) -> Lease | None:
        query = """
            INSERT INTO lyceum_leases AS held(run, owner, fence, until)
            VALUES (%s, %s, 1, now() + make_interval(secs => %s))
            ON CONFLICT (run) DO UPDATE SET owner = EXCLUDED.owner, fence = held.fence + 1, until = EXCLUDED.until
            WHERE held.owner = EXCLUDED.owner OR held.until <= now() OR held.until > now() + make_interval(secs => %s)
            RETURNING fence"""
        row = await self._one(query, run, owner, seconds, LONGEST_LEASE)
        return None if row is None else Lease(run=run, owner=owner, fence=row["fence"])

    async def renew(self, lease: Lease, *, seconds: float = 30.0) -> bool:
        query = """UPDATE lyceum_leases SET until = now() + make_interval(secs => %s)
                   WHERE run = %s AND fence = %s AND owner = %s RETURNING 1 AS held"""
        return await self._one(query, seconds, lease.run, lease.fence, lease.owner) is not None

    async def release(self, lease: Lease) -> None:
        async with self._transaction() as database:
            await database.execute(
                "UPDATE lyceum_leases SET until = to_timestamp(0) WHERE run = %s AND fence = %s",
                (lease.run, lease.fence),
            )

    async def holder(self, run: str) -> str | None:
        row = await self._one("SELECT owner FROM lyceum_leases WHERE run = %s AND until > now()", run)
        return None if row is None else str(row["owner"])


async def _check_fence(database: AsyncConnection[dict[str, Any]], run: str, fence: int | None) -> None:
    if fence is None:
        return
    row = await (await database.execute("SELECT fence FROM lyceum_leases WHERE run = %s FOR SHARE", (run,))).fetchone()
    if row is not None and row["fence"] != fence:
        raise LeaseLost(f"Another process took over run {run}.", next_step=f"Follow it with `lyceum runs watch {run}`.")


def _json(value: Any) -> str:
    # PostgreSQL's text holds no NUL.
    text = value.model_dump_json() if isinstance(value, BaseModel) else json.dumps(value)
    return text.replace("\x00", "")


def _thread(row: Mapping[str, Any]) -> Thread:
    return Thread.model_validate({**row, "attachments": json.loads(row["attachments"])})


def _run(row: Mapping[str, Any]) -> Run:
    result = json.loads(row["result"]) if row["result"] else None
    return Run.model_validate({**row, "input": json.loads(row["input"]), "result": result})


def _approval(row: Mapping[str, Any]) -> Approval:
    decision = Decision.model_validate_json(row["decision"]) if row["decision"] else None
    edits = json.loads(row["edits"]) if row["edits"] else None
    kept = {**row, "request": json.loads(row["request"]), "decision": decision, "edits": edits}
    return Approval.model_validate(kept)
