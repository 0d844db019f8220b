"""The process that holds one open database: a request a line on stdin, a reply a line on stdout, both JSON.

Apart, so that it can be killed when it is late, holds no secret, and neither grows nor writes. What the guard let
through meets the engine's own locks here: SQLite's authorizer, progress handler and limits; DuckDB's locked
configuration and its own word on which tables a query reads.
"""

from __future__ import annotations

import contextlib
import datetime
import decimal
import json
import math
import resource
import sqlite3
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from mcp_servers.sql.allowed import SQLITE_CALLS
from mcp_servers.sql.flat import load

LONGEST_CELL = 2000
SQLITE_MEMORY = 256 * 1024**2
DUCKDB_MEMORY = 1024**3
PROCESS_MEMORY = 4 * 1024**3  # of address space, which DuckDB reserves generously

_DESCRIBING = ("table_info", "foreign_key_list")


class Sqlite:
    def __init__(self, path: Path) -> None:
        self._tables: frozenset[str] | None = None
        self._end = math.inf
        self._connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        self._connection.text_factory = _decoded
        for pragma in ("query_only=ON", "trusted_schema=OFF", "temp_store=MEMORY", f"hard_heap_limit={SQLITE_MEMORY}"):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()
        self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        # Their first use declares them, which looks like a write to the authorizer.
        self._connection.execute("SELECT count(*) FROM json_each('[]'), json_tree('[]')").fetchone()
        for limit, most in (
            (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
            (sqlite3.SQLITE_LIMIT_LENGTH, 10_000_000),
            (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 1_000_000),
            (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 200),
            (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 500),
            (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 200),
        ):
            self._connection.setlimit(limit, most)
        self._connection.set_authorizer(self._authorize)
        self._connection.set_progress_handler(lambda: time.monotonic() > self._end, 10_000)

    def execute(self, sql: str, parameters: Sequence[Any], tables: frozenset[str] | None, end: float) -> Any:
        self._tables, self._end = tables, end
        return self._connection.execute(sql, parameters)

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


class Duckdb:
    """`path` is a DuckDB file; or a flat file or a folder of them, which become tables in memory."""

    def __init__(self, path: Path, *, flat: bool) -> None:
        import duckdb

        self._binder_error = duckdb.BinderException
        self._connection = duckdb.connect(":memory:" if flat else str(path), read_only=not flat)
        for setting in (
            "autoinstall_known_extensions=false",
            "autoload_known_extensions=false",
            "allow_community_extensions=false",
            "python_enable_replacements=false",
            "temp_directory=''",
            f"memory_limit='{DUCKDB_MEMORY}B'",
            "threads=1",
        ):
            self._connection.execute(f"SET {setting}")
        if flat:
            load(self._connection, path)
        self._connection.execute("SET enable_external_access=false; SET lock_configuration=true")

    def execute(self, sql: str, parameters: Sequence[Any], tables: frozenset[str] | None, end: float) -> Any:
        late = threading.Timer(max(0.0, end - time.monotonic()), self._connection.interrupt)
        late.daemon = True
        late.start()
        try:
            read: set[str] = set()
            if tables is not None:
                with contextlib.suppress(self._binder_error):  # it binds no columns, and so takes USING for a mistake
                    read = {name.lower() for name in self._connection.get_table_names(sql)}
                if not read <= tables:
                    raise PermissionError(f"it reads {', '.join(sorted(read - tables))}")
            return self._connection.execute(sql, parameters)
        finally:
            late.cancel()


def answer(database: Sqlite | Duckdb, request: dict[str, Any]) -> dict[str, Any]:
    """Run one query; `late` says that it was stopped by its deadline, `cut` that there was more than may be told."""
    end = time.monotonic() + request["seconds"]
    tables = None if request["tables"] is None else frozenset(cast("list[str]", request["tables"]))
    try:
        cursor = database.execute(request["sql"], request["parameters"], tables, end)
        columns = [str(column[0]) for column in cast("list[Any]", cursor.description or [])]
        rows, cut = _read(cursor, request["most"], request["most_bytes"] - sum(len(name) for name in columns))
    except Exception as error:  # noqa: BLE001 - two engines, two trees of errors, one answer
        return {"late": True} if time.monotonic() >= end else {"refused": _first_line(error)}
    return {"columns": columns, "rows": rows, "cut": cut}


def _read(cursor: Any, most: int, most_bytes: int) -> tuple[list[list[Any]], bool]:
    rows: list[list[Any]] = []
    while len(rows) < most and (row := cast("Sequence[Any] | None", cursor.fetchone())) is not None:
        cells = [_cell(value) for value in row]
        most_bytes -= sum(len(str(cell).encode()) for cell in cells)
        if most_bytes < 0:
            return rows, True
        rows.append(cells)
    return rows, False


def _cell(value: Any) -> str | int | float | bool | None:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)  # JSON has no word for them
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, decimal.Decimal) and len(value.as_tuple().digits) <= 15:
        return float(value)
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    text = value.isoformat(" ") if isinstance(value, datetime.datetime) else str(value)
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}… ({len(text)} characters)"


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _limit(kind: int, most: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # not every system has every limit
        resource.setrlimit(kind, (most, most))


def main() -> None:
    def reply(message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    _limit(resource.RLIMIT_AS, PROCESS_MEMORY)
    _limit(resource.RLIMIT_CORE, 0)
    asked = json.loads(sys.stdin.readline())
    path = Path(asked["path"])
    try:
        database = Sqlite(path) if asked["kind"] == "sqlite" else Duckdb(path, flat=asked["kind"] == "files")
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a file, the caller says it
        reply({"refused": _first_line(error)})
        return
    _limit(resource.RLIMIT_FSIZE, 0)  # from here on no file grows, by whatever way
    reply({})
    for line in sys.stdin:
        reply(answer(database, json.loads(line)))
