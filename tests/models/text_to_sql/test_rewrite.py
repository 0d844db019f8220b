"""Written queries are corrected where the schema leaves one way to read them, and refused where it leaves none."""

from __future__ import annotations

import pytest
from sqlglot import parse_one

from lyceum.tables import Column, ForeignKey, Schema, Table
from models.tables import Candidate
from models.text_to_sql.meant import Asked
from models.text_to_sql.rewrite import read, rewrite

SHOP = Schema(
    database="shop",
    tables=(
        Table(
            name="genre",
            columns=(
                Column(name="genre_id", type="INTEGER", affinity="integer"),
                Column(name="name", type="TEXT", affinity="text"),
            ),
            primary_key=("genre_id",),
        ),
        Table(
            name="track",
            columns=(
                Column(name="track_id", type="INTEGER", affinity="integer"),
                Column(name="title", type="TEXT", affinity="text"),
                Column(name="genre_id", type="INTEGER", affinity="integer"),
                Column(name="seconds", type="INTEGER", affinity="integer"),
            ),
            primary_key=("track_id",),
            foreign_keys=(ForeignKey(column="genre_id", table="genre", references="genre_id"),),
        ),
    ),
)


def corrected(sql: str, asked: Asked | None = None) -> str | None:
    tree = read(sql, SHOP)
    done = rewrite(tree, SHOP, asked) if tree else None
    return done.sql(dialect="sqlite", identify=False).replace('"', "") if done else None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (
            "SELECT genre_id, COUNT(*) FROM track GROUP BY genre_id",
            "SELECT genre.name, COUNT(*) FROM track JOIN genre ON track.genre_id = genre.genre_id GROUP BY track.genre_id",
        ),
        (
            "SELECT g.name, COUNT(g.track_id) FROM genre g JOIN track t ON t.genre_id = g.genre_id GROUP BY g.genre_id",
            "SELECT g.name, COUNT(t.track_id) FROM genre AS g JOIN track AS t ON t.genre_id = g.genre_id GROUP BY g.genre_id",
        ),
        (
            "SELECT COUNT(*) FROM track WHERE genre.name = 'Rock'",
            "SELECT COUNT(*) FROM track JOIN genre ON track.genre_id = genre.genre_id WHERE genre.name = 'Rock'",
        ),
        (
            "SELECT genre_id, COUNT(*) FROM track GROUP BY 1 ORDER BY 2 DESC",
            "SELECT genre.name, COUNT(*) FROM track JOIN genre ON track.genre_id = genre.genre_id "
            "GROUP BY track.genre_id ORDER BY COUNT(*) DESC",
        ),
        (
            "SELECT name, COUNT(*) FROM genre JOIN track USING (genre_id) GROUP BY name",
            "SELECT genre.name, COUNT(*) FROM genre JOIN track USING (genre_id) GROUP BY genre.name, genre.genre_id",
        ),
        ('SELECT title FROM track WHERE title = "Help"', "SELECT track.title FROM track WHERE track.title = 'Help'"),
        (
            "SELECT name FROM genre JOIN track ON track.genre_id = genre.genre_id WHERE seconds > 300",
            "SELECT DISTINCT genre.name FROM genre JOIN track ON track.genre_id = genre.genre_id WHERE track.seconds > 300",
        ),
    ],
)
def test_a_mistake_with_one_remedy_is_corrected(written: str, meant: str) -> None:
    assert corrected(written) is not None
    assert parse_one(str(corrected(written)), dialect="sqlite") == parse_one(meant, dialect="sqlite")


def test_a_value_is_looked_for_where_the_question_means_it() -> None:
    meant = Asked(values=[Candidate("value", "genre", ("name",), "Rock")])
    for written in (
        "SELECT COUNT(*) FROM track WHERE title = 'Rock'",
        "SELECT COUNT(*) FROM track WHERE title LIKE '%rock%'",
        "SELECT COUNT(*) FROM track JOIN genre ON track.genre_id = genre.genre_id WHERE title = 'Rock' OR name = 'Rock'",
    ):
        assert corrected(written, meant) == (
            "SELECT COUNT(*) FROM track JOIN genre ON track.genre_id = genre.genre_id WHERE genre.name = 'Rock'"
        )


def test_what_is_counted_is_counted_once() -> None:
    written = "SELECT COUNT(*) FROM genre AS g JOIN track AS t ON t.genre_id = g.genre_id WHERE t.seconds > 300"
    assert "COUNT(DISTINCT g.genre_id)" in str(corrected(written, Asked(counted="genre")))
    assert "COUNT(*)" in str(corrected(written, Asked(counted="track")))


def test_the_values_of_a_column_are_listed_once() -> None:
    assert corrected("SELECT seconds FROM track", Asked(listed="seconds")) == "SELECT DISTINCT track.seconds FROM track"
    assert corrected("SELECT seconds FROM track") == "SELECT track.seconds FROM track"


def test_the_figure_that_picks_the_first_is_shown() -> None:
    assert corrected("SELECT title FROM track ORDER BY seconds DESC LIMIT 1") == (
        "SELECT track.title, track.seconds FROM track ORDER BY track.seconds DESC LIMIT 1"
    )


@pytest.mark.parametrize(
    "written",
    [
        "SELECT composer FROM track",
        "SELECT title FROM album",
        "DELETE FROM track",
        "not a query",
        "SELECT title FROM",
        "SELECT g.name FROM genre g JOIN track t ON t.genre_id = t.genre_id",
        "SELECT g.name FROM genre g JOIN track t ON t.track_id = g.genre_id",
    ],
)
def test_what_no_table_holds_and_joins_that_go_astray_are_refused(written: str) -> None:
    assert corrected(written) is None


def test_a_query_that_was_right_keeps_its_meaning() -> None:
    sql = "SELECT track.title FROM track WHERE track.seconds > (SELECT AVG(track.seconds) FROM track)"
    assert corrected(sql) == sql
