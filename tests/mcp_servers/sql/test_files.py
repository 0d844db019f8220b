"""Databases and files as people have them: odd names, odd encodings, and nothing that is ever written."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from lyceum.errors import ModelRetry, UserError
from mcp_servers.sql import files, probes
from mcp_servers.sql.files import Database
from mcp_servers.sql.introspect import read_schema

CHINOOK = Path(files.__file__).with_name("chinook.sqlite")
ODD = ["50% off#1?.x &=%41", "q'uo\"te glob[ab]* ümlaut 表"]


@pytest.mark.parametrize("name", ODD)
def test_a_database_opens_whatever_its_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.sqlite"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE fruit (name TEXT)")
        made.execute("INSERT INTO fruit VALUES ('fig')")
    made.close()
    database = Database(path)
    assert [table.name for table in read_schema("x", database).tables] == ["fruit"]
    assert database.run("SELECT name FROM fruit").rows == [["fig"]]
    database.close()
    assert [child.name for child in tmp_path.iterdir()] == [path.name], "nothing was made beside it"


@pytest.mark.parametrize("name", ODD)
def test_a_flat_file_opens_whatever_its_name(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.csv").write_text("fruit,n\nfig,1\n")
    (tmp_path / f"{name}2.txt").write_text("never,read\n")
    database = Database(tmp_path / f"{name}.csv")
    (table,) = read_schema("x", database).tables
    assert database.run(f"SELECT * FROM {table.name}").rows == [["fig", 1]]
    database.close()


def test_a_late_query_is_ended_and_the_database_answers_again(tmp_path: Path) -> None:
    database = Database(CHINOOK)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with pytest.raises(ModelRetry, match=r"longer than 0\.2 s"):
        database.run(endless, seconds=0.2)
    stubborn = "SELECT replace(hex(zeroblob(4000000)), '00', 'ab') LIKE '%a%a%a%a%a%a%a%a%c' OR " * 40 + "1"
    with pytest.raises(ModelRetry):
        database.run(stubborn, seconds=0.2)
    assert database.run("SELECT count(*) FROM Genre").rows == [[25]]
    database.close()


def test_a_result_is_bounded_in_rows_and_in_bytes() -> None:
    database = Database(CHINOOK)
    few = database.run("SELECT Name FROM Track", most=7)
    assert (len(few.rows), few.cut) == (7, False)
    small = database.run("SELECT Name FROM Track", most_bytes=1000)
    assert small.cut
    assert sum(len(str(row[0]).encode()) for row in small.rows) <= 1000
    (cell,) = database.run("SELECT printf('%.*c', 5000000, 'x')").rows[0]
    assert str(cell).endswith("… (5000000 characters)")
    assert len(str(cell)) < 2100
    database.close()


def test_behind_the_guard_the_engine_reads_confined_tables_only() -> None:
    database = Database(CHINOOK)
    database.confine(["Genre"])
    assert database.run("SELECT count(*) FROM Genre").rows == [[25]]
    for sql in (
        "SELECT * FROM Artist",
        "SELECT count(*) FROM sqlite_master",
        "SELECT * FROM pragma_table_list",
        "PRAGMA table_info(Genre)",
        "SELECT load_extension('x')",
        "SELECT zeroblob(9)",
        "DELETE FROM Genre",
        "ATTACH ':memory:' AS m",
        "CREATE TEMP TABLE t (a)",
    ):
        with pytest.raises(ModelRetry, match="refused"):
            database.run(sql)
    database.close()


def test_behind_the_guard_duckdb_is_locked_and_confined(tmp_path: Path) -> None:
    (tmp_path / "fruit.csv").write_text("name\nfig\n")
    (tmp_path / "secret.csv").write_text("word\nhush\n")
    database = Database(tmp_path)
    database.confine(["fruit"])
    assert database.run("WITH x AS (SELECT * FROM fruit) SELECT * FROM x").rows == [["fig"]]
    assert database.run("SELECT name FROM fruit JOIN fruit AS f USING (name)").rows == [["fig"]]
    for sql in (
        "SELECT * FROM secret",
        f"SELECT * FROM read_csv('{tmp_path}/secret.csv')",
        f"SELECT * FROM '{tmp_path}/secret.csv'",
        f"COPY fruit TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/out.db' AS o",
        "SET enable_external_access=true",
        "SET memory_limit='99GB'",
        "INSTALL httpfs",
        "LOAD httpfs",
    ):
        with pytest.raises(ModelRetry, match="refused"):
            database.run(sql)
    assert sorted(child.name for child in tmp_path.iterdir()) == ["fruit.csv", "secret.csv"]
    database.close()


def test_two_files_of_one_name_are_two_tables_and_amounts_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "a b.csv").write_text("n\n1\n")
    (tmp_path / "a-b.csv").write_text("n\n2\n")
    database = Database(tmp_path)
    assert [table.name for table in read_schema("x", database).tables] == ["a_b", "a_b_2"]
    assert database.run("SELECT CAST(1.25 AS DECIMAL(9, 2)), 'nan'::DOUBLE, sum(n) FROM a_b").rows == [[1.25, "nan", 1]]
    database.close()


def test_what_is_not_whole_is_refused_with_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "broken.sqlite").write_bytes(b"SQLite format 3\x00" + b"x" * 200)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    for name in ("broken.sqlite", "broken.parquet"):
        with pytest.raises(UserError, match="cannot be opened"):
            Database(tmp_path / name)


@pytest.mark.slow
def test_what_duckdb_prints_of_a_slow_query_is_no_answer(tmp_path: Path) -> None:
    """Its progress bar goes to stdout after two seconds, and so did the answers."""
    database = Database(probes.make_duckdb(tmp_path / "x.duckdb"))
    with pytest.raises(ModelRetry, match="longer than 3 s"):
        database.run("SELECT count(*) FROM range(10000000) a, range(10000000) b", seconds=3)
    assert database.run("SELECT 1").rows == [[1]]
    database.close()


def test_a_duckdb_that_broke_is_opened_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(probes.make_duckdb(tmp_path / "x.duckdb"))
    asked = database._process.ask  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(database._process, "ask", lambda *given: {**(asked(*given) or {}), "broken": True})  # pyright: ignore[reportPrivateUsage, reportUnknownLambdaType, reportUnknownArgumentType]
    assert database.run("SELECT 1").rows == [[1]]
    assert not database._process.stop.alive  # pyright: ignore[reportPrivateUsage]
    assert database.run("SELECT count(*) FROM genre").rows == [[4]]
    database.close()
