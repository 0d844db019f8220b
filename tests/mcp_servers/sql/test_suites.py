"""Attacks and plain questions, each through the front door: nothing of the first gets anywhere, all of the second work.

SQLite and DuckDB run here; `test_postgres.py` runs the same on a real server.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import pytest

from lyceum.errors import ModelRetry

from .conftest import SHOWN, Front, make_duckdb, make_sqlite, statements

SECRET = "xyzzy-do-not-tell"
PASSED = ("exhausts",)  # may run, within its limits


def attacks(dialect: str) -> list[tuple[str, str]]:
    groups = statements("attacks.yaml")
    return [(why, sql) for part in ("ansi", "mysql", dialect) for why, found in groups[part].items() for sql in found]


def benign(dialect: str) -> list[str]:
    groups = statements("benign.yaml")
    return [*groups["all"], *groups[dialect]]


async def held(client: Any, why: str, sql: str) -> str:
    """Return what is wrong with how an attack was met, nothing where it was refused or bounded."""
    start = time.monotonic()
    answer = await client.call_tool("sql_query", {"database": "music", "sql": sql})
    took = time.monotonic() - start
    text = " ".join(part.text for part in answer.content)
    if SECRET in text or "root:" in text:
        return f"told a secret: {sql}"
    if took > 2.5:
        return f"took {took:.1f} s: {sql}"
    if not answer.is_error and why not in PASSED:
        return f"ran: {sql}"
    if not answer.is_error and len(text) > 40_000:
        return f"told {len(text)} characters: {sql}"
    return ""


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
async def test_no_attack_gets_anywhere(dialect: str, front: Front, tmp_path: Path) -> None:
    make = {"sqlite": make_sqlite, "duckdb": make_duckdb}[dialect]
    path = make(tmp_path / f"music.{dialect}")
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    beside = sorted(child.name for child in tmp_path.iterdir())
    async with front({"music": {"path": str(path), "tables": SHOWN}}) as client:
        quick = [(why, sql) for why, sql in attacks(dialect) if why not in PASSED]
        failed = [problem for why, sql in quick if (problem := await held(client, why, sql))]
    assert not failed, "\n".join(failed)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before, "the database was changed"
    assert sorted(child.name for child in tmp_path.iterdir() if child.name != "home") == beside


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
async def test_what_is_endless_or_huge_ends_and_the_next_question_is_answered(
    dialect: str, front: Front, tmp_path: Path
) -> None:
    make = {"sqlite": make_sqlite, "duckdb": make_duckdb}[dialect]
    async with front({"music": {"path": str(make(tmp_path / "music")), "tables": SHOWN}}) as client:
        failed: list[str] = []
        for why, sql in attacks(dialect):
            if why in PASSED:
                failed.append(await held(client, why, sql))
                after = await client.call_tool("sql_query", {"database": "music", "sql": "SELECT count(*) FROM genre"})
                assert after.structured_content["rows"] == [[4]], f"after {sql}"
    assert not any(failed), "\n".join(filter(None, failed))


def told(rows: list[Any]) -> list[list[str]]:
    """Rows by what they say: numbers to nine digits, so that an engine's summing order is no difference."""
    return [[f"{cell:.9g}" if isinstance(cell, (int, float)) else str(cell) for cell in row] for row in rows]


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
async def test_every_plain_question_gets_the_rows_of_its_engine(dialect: str, front: Front, tmp_path: Path) -> None:
    from mcp_servers.sql.files import Database

    make = {"sqlite": make_sqlite, "duckdb": make_duckdb}[dialect]
    path = make(tmp_path / "music")
    plain = Database(path)
    failed: list[str] = []
    async with front({"music": {"path": str(path), "tables": SHOWN}}, seconds=5) as client:
        for sql in benign(dialect):
            answer = await client.call_tool("sql_query", {"database": "music", "sql": sql})
            if answer.is_error:
                failed.append(f"refused: {sql}\n    {answer.content[0].text}")
            elif not sql.startswith("EXPLAIN"):
                try:
                    expected = told(plain.run(sql, most=100).rows)
                except ModelRetry:
                    assert dialect == "sqlite", sql
                    continue  # FETCH and bare parentheses, which SQLite reads only as they are written anew
                got = told(answer.structured_content["rows"])
                if got != expected:
                    failed.append(f"differs: {sql}\n    {answer.structured_content['sql']}\n    {got}\n    {expected}")
    plain.close()
    assert not failed, "\n".join(failed)


def test_the_suites_are_as_large_as_they_say() -> None:
    groups = statements("attacks.yaml")
    assert sum(len(found) for part in groups.values() for found in part.values()) >= 380
    assert min(len(benign(dialect)) for dialect in ("sqlite", "duckdb", "postgres")) >= 98
