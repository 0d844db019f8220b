"""What the guard lets through, how it changes it, and what it says where it refuses."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyceum.errors import ModelRetry
from lyceum.tables import Column, Schema, Table
from mcp_servers.sql.guard import check


def schema(dialect: Literal["sqlite", "duckdb", "postgres"] = "sqlite") -> Schema:
    def table(name: str, *columns: str) -> Table:
        return Table(name=name, columns=tuple(Column(name=column, type="TEXT") for column in columns))

    tables = (table("Artist", "ArtistId", "Name"), table("Album", "AlbumId", "Title", "ArtistId", "Price"))
    return Schema(database="music", dialect=dialect, tables=tables)


def refusal(sql: str, dialect: Literal["sqlite", "duckdb"] = "sqlite") -> str:
    with pytest.raises(ModelRetry) as refused:
        check(sql, schema(dialect), max_rows=10)
    return refused.value.message


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM secret WHERE 1 IN (WITH secret AS (SELECT 1 AS a) SELECT a FROM secret)",
        "SELECT (WITH secret AS (SELECT 1 AS a) SELECT a FROM secret), a FROM secret",
        "WITH secret AS (SELECT * FROM secret) SELECT * FROM secret",
        "WITH a AS (SELECT * FROM secret), secret AS (SELECT 1 AS b) SELECT * FROM a",
        "WITH a AS (WITH secret AS (SELECT 1 AS b) SELECT b FROM secret) SELECT * FROM a, secret",
        "WITH RECURSIVE secret AS (SELECT * FROM secret) SELECT * FROM secret",
        "SELECT Name FROM Artist UNION SELECT x FROM (WITH secret AS (SELECT 1 AS x) SELECT x FROM secret), secret",
        "WITH \u212aeep AS (SELECT 1 AS a) SELECT * FROM keep",
        "SELECT 1 IN secret",
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
def test_a_cte_hides_a_table_only_where_the_engine_sees_the_cte(sql: str, dialect: Literal["sqlite", "duckdb"]) -> None:
    assert "There is no" in refusal(sql, dialect)


def test_before_its_first_union_a_recursive_cte_is_a_table_to_duckdb() -> None:
    sql = "WITH RECURSIVE secret AS (SELECT a FROM secret UNION ALL SELECT 1) SELECT * FROM secret"
    assert "There is no table 'secret'" in refusal(sql, "duckdb")


def test_a_cte_may_not_take_a_name_of_the_engine() -> None:
    assert "is a name of the engine" in refusal("WITH sqlite_master AS (SELECT 1 AS a) SELECT a FROM sqlite_master")
    assert "is a name of the engine" in refusal('WITH "PRAGMA_x" AS (SELECT 1 AS a) SELECT a FROM "PRAGMA_x"')


def test_a_cte_may_take_the_name_of_a_known_table() -> None:
    assert check("WITH Artist AS (SELECT 7 AS n) SELECT n FROM artist", schema(), max_rows=10)


@pytest.mark.parametrize(
    ("asked", "lowered"),
    [
        ("", "LIMIT 11"),
        ("LIMIT 3", "LIMIT 3"),
        ("LIMIT 10", "LIMIT 10"),
        ("LIMIT 9999999999999999999999", "LIMIT 11"),
        ("LIMIT -1", "LIMIT 11"),
        ("LIMIT (1+1)", "LIMIT 2"),
        ("LIMIT 100 * 100", "LIMIT 11"),
        ("LIMIT 2, 500", "LIMIT 11 OFFSET 2"),
        ("LIMIT 4.0", "LIMIT 4"),
        ("LIMIT 1e9", "LIMIT MIN(1e9, 11)"),
        ("LIMIT (SELECT COUNT(*) FROM Album)", "LIMIT MIN((SELECT COUNT(*) FROM Album), 11)"),
        ("FETCH FIRST 500 ROWS ONLY", "LIMIT 11"),
        ("FETCH FIRST 5 ROWS ONLY", "LIMIT 5"),
        ("FETCH FIRST ROW ONLY", "LIMIT 1"),
        ("OFFSET 3 ROWS FETCH NEXT 2 ROWS ONLY", "LIMIT 2 OFFSET 3"),
        ("UNION SELECT Title FROM Album LIMIT 99", "UNION SELECT Title FROM Album LIMIT 11"),
    ],
)
def test_every_way_to_limit_is_lowered_in_the_tree(asked: str, lowered: str) -> None:
    assert check(f"SELECT Name FROM Artist {asked}", schema(), max_rows=10).sql == f"SELECT Name FROM Artist {lowered}"


def test_a_limit_in_percent_or_with_ties_stays_and_is_limited() -> None:
    for sql, dialect in (
        ("SELECT 1 AS x LIMIT 50 PERCENT", schema("duckdb")),
        ("SELECT 1 AS x FETCH FIRST 5 ROWS WITH TIES", schema("postgres")),
    ):
        assert check(sql, dialect, max_rows=10).sql == f"SELECT * FROM ({sql}) AS some_rows LIMIT 11"
    assert "a number of rows" in refusal("SELECT Name FROM Artist FETCH FIRST 5 ROWS WITH TIES", "duckdb")


def test_a_remainder_in_a_limit_is_no_percentage() -> None:
    median = "SELECT avg(x) FROM (SELECT 1 AS x LIMIT 2 - (SELECT count(*) FROM Album) % 2 OFFSET 1)"
    assert "% 2) OFFSET 1)" in check(median, schema(), max_rows=10).sql


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT Nmae FROM Artist", "no column 'Nmae' in artist. Did you mean 'Name'?"),
        ('SELECT "Nmae" FROM Artist', "Did you mean 'Name'?"),
        ("SELECT Title FROM Artist", "Album has it: join it or qualify the name."),
        ("SELECT a.Nam FROM Artist a", "no column 'Nam' in a. Did you mean 'Name'?"),
        ("SELECT x.Name FROM Artist a", "no 'x' here."),
        ("SELECT Name FROM Artists", "no table 'Artists'. Did you mean 'Artist'?"),
        ("SELECT Name FROM x.Artist", "no table 'x.Artist'. Did you mean 'Artist'?"),
        ("SELECT Nam, Titel FROM Artist, Album", "Did you mean 'Name'? There is no column 'Titel'"),
        ("SELECT nam FROM (SELECT Name FROM Artist)", "no column 'nam'"),
        ("WITH x(a) AS (SELECT Name FROM Artist) SELECT Name FROM x", "no column 'Name' in x."),
        ("SELECT roundd(Price) FROM Album", "function roundd is not allowed. Did you mean 'round'?"),
        ("DELETE FROM Album", "Only SELECT queries"),
        ("SELECT 1; SELECT 2", "exactly one statement"),
        ("SELECT FROM WHERE", "not valid sqlite SQL"),
    ],
)
def test_what_is_refused_is_answered_with_what_to_send(sql: str, named: str) -> None:
    assert named in refusal(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT printf('%1000000000d', 1)",
        "SELECT format('%.*c', 1000000000, 'x')",
        "SELECT printf('%' || '99999999d', 1)",
        "SELECT printf(Name) FROM Artist",
        "SELECT printf()",
    ],
)
def test_a_format_has_a_written_and_bounded_width(sql: str) -> None:
    assert "width" in refusal(sql)
    assert check("SELECT printf('%.2f', Price), format('%010d', AlbumId) FROM Album", schema(), max_rows=10)


def test_no_length_is_computed_where_it_could_be_huge() -> None:
    for sql in ("lpad('x', 1000000000, 'y')", "'x'.repeat(1000000)", "bar(1, 0, 1, 99999)", "format('{:>{}}', 'x', 9)"):
        assert "width" in refusal(f"SELECT {sql}", "duckdb")
    inner = "length(repeat('x', ArtistId))"
    assert "width" in refusal(f"SELECT repeat('x', {inner}) FROM Artist", "duckdb"), "no copies of copies"
    sql = check("SELECT repeat('*', ArtistId) FROM Artist", schema("duckdb"), max_rows=10).sql
    assert "LEAST(ArtistId, 1000)" in sql
    assert check("SELECT lpad(Name, 12, '.'), repeat('=', 20) FROM Artist", schema("duckdb"), max_rows=10)


@pytest.mark.parametrize("opening", ["(", "SELECT (", "NOT ", "- ", "CASE WHEN ", "SELECT * FROM (", "SELECT 1 UNION "])
def test_deep_nesting_is_an_answer_and_not_a_crash(opening: str) -> None:
    assert refusal("SELECT " + opening * 3000 + "1")


def test_comments_do_not_reach_the_engine() -> None:
    sql = check("SELECT /* a */ Name -- b\nFROM Artist /*! c */", schema(), max_rows=10).sql
    assert sql == "SELECT Name FROM Artist LIMIT 11"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            """SELECT FROM WHERE Name Artist secret WITH AS ( ) , * UNION ALL ; -- /* */ ' " ` [ ] = 1 LIMIT OFFSET
            ATTACH PRAGMA load_extension( sqlite_master JOIN ON IN EXISTS VALUES DELETE RETURNING x'00' || ? :a
            RECURSIVE OVER PARTITION BY ORDER GROUP main. . \x00""".split()
        ),
        max_size=14,
    )
)
def test_whatever_is_sent_is_either_refused_or_a_select_on_known_tables(words: list[str]) -> None:
    try:
        safe = check("SELECT " + " ".join(words), schema(), max_rows=10).sql
    except ModelRetry:
        return
    assert safe.startswith(("SELECT", "WITH"))
    assert "LIMIT" in safe
    assert check(safe, schema(), max_rows=10)
