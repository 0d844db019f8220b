"""Databases and files as people have them: odd names, odd encodings, and nothing that is ever written."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mcp_servers.sql.files import Database
from mcp_servers.sql.introspect import read_schema

ODD = ["50% off#1?.x", "a b&c=d", "%41", "q'uo\"te", "glob[ab]*", "ümlaut 表"]


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
