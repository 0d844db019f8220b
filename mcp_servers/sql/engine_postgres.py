"""PostgreSQL behind its own locks: a role that can only read, a READ ONLY snapshot, one prepared statement, a deadline.

The first statement of each transaction takes its snapshot: from then on PostgreSQL itself refuses to make it READ
WRITE. `search_path` is empty, so that every function and operator is PostgreSQL's own, and tables come qualified.
"""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo, pq

from mcp_servers.sql.engine import Found, Query

CONNECT_SECONDS = 10
MEMORY = 512 * 1024**2  # of a query's own process, where that can be seen; the server has no such limit
WATCH_SECONDS = 0.02
_SESSION = {
    "search_path": "",
    "default_transaction_read_only": "on",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "60s",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "TimeZone": "UTC",
}
_DANGEROUS_ROLES = [
    "pg_read_server_files",
    "pg_write_server_files",
    "pg_execute_server_program",
    "pg_write_all_data",
    "pg_signal_backend",
    "pg_maintain",
    "pg_create_subscription",
]


class Postgres:
    """`_backend` is the process that serves this connection, where it runs on this machine."""

    def __init__(self, url: str, schemas: list[str]) -> None:
        self._url, self._schemas = url, schemas
        self._backend: Path | None = None
        self._connection = self._connect()

    def _connect(self) -> psycopg.Connection[Any]:
        try:
            connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                application_name="lyceum",
                client_encoding="UTF8",
                cursor_factory=psycopg.RawCursor,  # $1, and a % is a %
            )
        except psycopg.Error as error:
            raise ValueError(_without_secrets(str(error), self._url)) from None
        connection.prepared_max = 0  # a plan is not kept: a table may change its shape
        for name, value in _SESSION.items():
            connection.execute("SELECT set_config($1, $2, false)", (name, value))
        powers = _powers(connection, self._schemas)
        if powers:
            connection.close()
            raise PermissionError(f"its role {'; '.join(powers[:4])}")
        self._backend = _backend(connection)
        return connection

    def execute(self, query: Query) -> Found:
        if self._connection.closed:
            self._connection = self._connect()
        elif self._connection.info.transaction_status != pq.TransactionStatus.IDLE:
            self._connection.execute("ROLLBACK")
        left = query.end - time.monotonic()
        done, too_large = threading.Event(), threading.Event()
        threading.Thread(target=self._watch, args=(query.end, done, too_large), daemon=True).start()
        try:
            self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            milliseconds = max(1, int(left * 1000))
            self._connection.execute("SELECT set_config('statement_timeout', $1, true)", (f"{milliseconds}ms",))
            cursor = self._connection.cursor()
            text: Any = ("EXPLAIN " if query.explain else "") + query.sql
            cursor.execute(text, query.parameters or None, prepare=True)  # prepared: one statement, whatever it says
            columns = [(column.name, column.type_display) for column in cursor.description or []]
            rows: list[Any] = cursor.fetchall()
        except psycopg.Error:
            if too_large.is_set():
                raise MemoryError from None
            raise
        finally:
            done.set()
            if not self._connection.closed:
                self._connection.execute("ROLLBACK")
        return Found(columns, iter([*rows, None]).__next__)

    def _watch(self, end: float, done: threading.Event, too_large: threading.Event) -> None:
        """Cancel a query at its deadline, and where its memory can be seen, when it takes too much of that."""
        while (left := end - time.monotonic()) > 0:
            if done.wait(min(left, WATCH_SECONDS)):
                return
            if self._backend is not None and _memory(self._backend) > MEMORY:
                too_large.set()
                break
        if not done.is_set():
            self._connection.cancel_safe(timeout=1)


def _backend(connection: psycopg.Connection[Any]) -> Path | None:
    """Find the process by what only a server on this machine has: its socket or loopback, its number and its name."""
    info = connection.info
    if not (info.host.startswith("/") or info.hostaddr in ("127.0.0.1", "::1")):
        return None
    process = Path("/proc", str(info.backend_pid))
    with contextlib.suppress(OSError):
        if process.joinpath("comm").read_text().startswith("postgres"):
            return process
    return None


def _memory(process: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in process.joinpath("status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def _powers(connection: psycopg.Connection[Any], schemas: list[str]) -> list[str]:
    """What the role can do beside reading."""
    row = connection.execute(
        """SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
                  has_database_privilege(current_database(), 'CREATE')
           FROM pg_roles WHERE rolname = current_user"""
    ).fetchone()
    names = ["is a superuser", "may create roles", "may create databases", "may replicate", "passes by row security",
             "may create schemas"]  # fmt: skip
    powers = [name for name, held in zip(names, row or (), strict=True) if held]
    for query, says in (
        ("SELECT rolname FROM pg_roles WHERE rolname = ANY($1) AND pg_has_role(oid, 'MEMBER')", "is a member of"),
        ("SELECT nspname FROM pg_namespace WHERE nspname = ANY($1) AND has_schema_privilege(oid, 'CREATE')",
         "may create in schema"),
        ("""SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')""", "may write to"),
    ):  # fmt: skip
        given = _DANGEROUS_ROLES if "rolname" in query else schemas
        held = [str(name) for (name,) in connection.execute(query.encode(), (given,)).fetchall()]
        if held:
            powers.append(f"{says} {', '.join(held[:3])}{' and more' if len(held) > 3 else ''}")
    return powers


def _without_secrets(message: str, url: str) -> str:
    """A driver quotes what it cannot parse."""
    if url in message or "connection info string" in message or "URI" in message:
        return "its address is not of the form postgresql://user:password@host:port/database"
    parsed = conninfo.conninfo_to_dict(url)
    password = str(parsed.get("password") or "")
    return message.replace(password, "***") if password else message
