"""The process that holds one open database: a request a line on stdin, a reply a line on stdout, both JSON.

Apart, so that it can be killed when it is late, holds no secret but the address of its own database, and neither grows
nor writes. What the guard let through meets the engine's own locks here (`engine_sqlite.py` and its two siblings).
"""

from __future__ import annotations

import contextlib
import datetime
import decimal
import json
import math
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

LONGEST_CELL = 2000
PROCESS_MEMORY = 3 * 1024**3  # of address space, which DuckDB reserves generously
CLIENT_MEMORY = 1024**3  # PostgreSQL computes elsewhere: only the result comes here
_BREAKING = ("FatalException", "InternalException")  # DuckDB answers nothing more after one of these


@dataclass(frozen=True)
class Query:
    """Checked SQL; `tables` are those it may read (None: any), `end` is its deadline on the monotonic clock."""

    sql: str
    parameters: Sequence[Any]
    tables: frozenset[str] | None
    end: float
    explain: bool = False


@dataclass
class Found:
    """The columns of a result, each with its type where the engine has one, and what gives the next row or None."""

    columns: list[tuple[str, str]]
    next_row: Callable[[], Sequence[Any] | None]
    close: Callable[[], None] = field(default=lambda: None)


class Engine(Protocol):
    def execute(self, query: Query) -> Found: ...


def answer(database: Engine, request: dict[str, Any]) -> dict[str, Any]:
    """Run one query; `late` says that it was stopped by its deadline, `cut` that there was more than may be told.

    After `broken` this process is of no more use.
    """
    end = time.monotonic() + request["seconds"]
    tables = None if request["tables"] is None else frozenset(cast("list[str]", request["tables"]))
    query = Query(request["sql"], request["parameters"], tables, end, request["explain"])
    try:
        found = database.execute(query)
        try:
            names = [name for name, _ in found.columns]
            rows, cut = _read(found, request["most"], request["most_bytes"] - sum(len(name) for name in names))
        finally:
            found.close()
    except MemoryError:
        return {"refused": "it needs too much memory"}
    except Exception as error:  # noqa: BLE001 - three engines, three trees of errors, one answer
        broken = type(error).__name__ in _BREAKING
        return {"broken": broken} | ({"late": True} if time.monotonic() >= end else {"refused": _first_line(error)})
    return {"columns": names, "types": [kind for _, kind in found.columns], "rows": rows, "cut": cut}


def _read(found: Found, most: int, most_bytes: int) -> tuple[list[list[Any]], bool]:
    rows: list[list[Any]] = []
    while len(rows) < most and (row := found.next_row()) is not None:
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
    if isinstance(value, decimal.Decimal) and value.is_finite() and len(value.as_tuple().digits) <= 15:
        return float(value)
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, (list, dict)):
        text = json.dumps(value, default=str, ensure_ascii=False)
    else:
        text = value.isoformat(" ") if isinstance(value, datetime.datetime) else str(value)
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}… ({len(text)} characters)"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _limit(kind: int, most: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # not every system has every limit
        resource.setrlimit(kind, (most, most))


def _open(asked: dict[str, Any]) -> Engine:
    if asked["kind"] == "postgres":
        from mcp_servers.sql.engine_postgres import Postgres

        return Postgres(asked["url"], asked["schemas"])
    if asked["kind"] == "sqlite":
        from mcp_servers.sql.engine_sqlite import Sqlite

        return Sqlite(Path(asked["path"]))
    from mcp_servers.sql.engine_duckdb import Duckdb

    return Duckdb(Path(asked["path"]), flat=asked["kind"] == "files")


def main() -> None:
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # where a library prints: DuckDB draws the progress of slow queries

    def reply(message: dict[str, Any]) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    asked = json.loads(sys.stdin.readline())
    _limit(resource.RLIMIT_AS, CLIENT_MEMORY if asked["kind"] == "postgres" else PROCESS_MEMORY)
    _limit(resource.RLIMIT_CORE, 0)
    try:
        database = _open(asked)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a database, the caller says it
        reply({"refused": _first_line(error), "missing": isinstance(error, ModuleNotFoundError)})
        return
    _limit(resource.RLIMIT_FSIZE, 0)  # from here on no file grows, by whatever way
    reply({})
    for line in sys.stdin:
        reply(answer(database, json.loads(line)))
