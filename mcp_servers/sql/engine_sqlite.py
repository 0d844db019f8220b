"""SQLite behind its own locks: opened to read, an authorizer for tables and functions, a progress handler, limits."""

from __future__ import annotations

import math
import sqlite3
import time
from pathlib import Path

from mcp_servers.sql.allowed import SQLITE_CALLS
from mcp_servers.sql.engine import Found, Query

MEMORY = 256 * 1024**2

_DESCRIBING = ("table_info", "foreign_key_list")
_LIMITS = {
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LENGTH: 10_000_000,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 1_000_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 500,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 200,
}


class Sqlite:
    def __init__(self, path: Path) -> None:
        self._tables: frozenset[str] | None = None
        self._end = math.inf
        self._connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        self._connection.text_factory = _decoded
        for pragma in ("query_only=ON", "trusted_schema=OFF", "temp_store=MEMORY", f"hard_heap_limit={MEMORY}"):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()
        self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        # Their first use declares them, which looks like a write to the authorizer.
        self._connection.execute("SELECT count(*) FROM json_each('[]'), json_tree('[]')").fetchone()
        for limit, most in _LIMITS.items():
            self._connection.setlimit(limit, most)
        self._connection.set_authorizer(self._authorize)
        self._connection.set_progress_handler(lambda: time.monotonic() > self._end, 10_000)

    def execute(self, query: Query) -> Found:
        self._tables, self._end = query.tables, query.end
        plan = "EXPLAIN QUERY PLAN " if query.explain else ""
        cursor = self._connection.execute(plan + query.sql, query.parameters)
        return Found([(str(column[0]), "") for column in cursor.description or []], cursor.fetchone, cursor.close)

    def _authorize(self, action: int, first: str | None, second: str | None, *_where: str | None) -> int:
        name = (first or "").lower()
        if action == sqlite3.SQLITE_READ:
            # The name of a CTE comes without a column; the guard lets none have a name of the engine.
            cte = not second and not name.startswith("sqlite_")
            allowed = self._tables is None or cte or name in self._tables or name in ("json_each", "json_tree")
        elif action == sqlite3.SQLITE_FUNCTION:
            allowed = (second or "").lower() in SQLITE_CALLS
        elif action == sqlite3.SQLITE_PRAGMA:
            allowed = self._tables is None and first in _DESCRIBING
        else:
            allowed = action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE)
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")
