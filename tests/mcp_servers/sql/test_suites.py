"""Attacks and plain questions, each through the front door: nothing of the first gets anywhere, all of the second work.

SQLite and DuckDB run here; `test_postgres.py` runs the same on a real server.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lyceum.errors import ModelRetry
from mcp_servers.sql.files import Database
from mcp_servers.sql.probes import MADE, MAY_RUN, SHOWN, attack_file, attacks

from .conftest import Front, benign, told

FILES = pytest.mark.parametrize("dialect", list(MADE))


@FILES
async def test_no_attack_gets_anywhere(dialect: str, tmp_path: Path) -> None:
    chosen = [(why, sql) for why, sql in attacks(dialect) if why != MAY_RUN]
    found = await attack_file(dialect, tmp_path, chosen)
    assert len(found) > 130
    assert not [probe for probe in found if not probe.held]


@pytest.mark.slow
@FILES
async def test_what_is_endless_or_huge_ends_and_the_next_question_is_answered(dialect: str, tmp_path: Path) -> None:
    chosen = [(why, sql) for why, sql in attacks(dialect) if why == MAY_RUN]
    found = await attack_file(dialect, tmp_path, chosen)
    assert len(found) > 15
    assert not [probe for probe in found if not probe.held]


@FILES
async def test_every_plain_question_gets_the_rows_of_its_engine(dialect: str, front: Front, tmp_path: Path) -> None:
    path = MADE[dialect](tmp_path / "music")
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
    assert [len(attacks(dialect)) for dialect in ("sqlite", "duckdb", "postgres")] == [186, 282, 270]
    assert [len(benign(dialect)) for dialect in ("sqlite", "duckdb", "postgres")] == [113, 145, 130]
