"""A query that does not show what its question says is doubted."""

from __future__ import annotations

import pytest

from lyceum.tables import Cell, Column, Schema, Table
from models.tables import link
from models.text_to_sql import Candidate, choose, judge

CITIES = ("Oslo", "Rome", "Lima")
STAFF = Schema(
    database="staff",
    tables=(
        Table(
            name="employee",
            columns=(
                Column(name="employee_id", type="INTEGER", affinity="integer"),
                Column(name="name", type="TEXT", affinity="text"),
                Column(name="city", type="TEXT", affinity="text", values=CITIES, complete=True),
                Column(name="salary", type="NUMBER", affinity="number"),
            ),
            primary_key=("employee_id",),
        ),
    ),
)


@pytest.mark.parametrize(
    ("question", "sql", "rows", "missing"),
    [
        ("How many employees live in Oslo?", "SELECT COUNT(*) FROM employee", [(3,)], "Oslo"),
        ("How many employees earn more than 5000?", "SELECT COUNT(*) FROM employee", [(3,)], "5000"),
        ("How many employees are there per city?", "SELECT COUNT(*) FROM employee", [(3,)], "each"),
        ("Who earns the highest salary?", "SELECT name FROM employee", [("Ana",), ("Bo",)], "most or least"),
        ("What is the average salary?", "SELECT SUM(salary) FROM employee", [(9,)], "average"),
        ("Which employees are not in Rome?", "SELECT name FROM employee WHERE city = 'Rome'", [("Ana",)], "excludes"),
        ("How many employees are there?", "SELECT name FROM employee", [("Ana",), ("Bo",)], "one figure"),
        ("Who lives in Lima?", "SELECT name FROM employee WHERE city = 'Lima'", [], "empty"),
    ],
)
def test_what_the_question_says_and_the_query_does_not_show_is_a_doubt(
    question: str, sql: str, rows: list[tuple[Cell, ...]], missing: str
) -> None:
    found = judge(question, STAFF, link(question, STAFF), sql, 1, rows).doubts
    assert any(missing in doubt for doubt in found), found


@pytest.mark.parametrize(
    ("question", "sql", "rows"),
    [
        ("How many employees live in Oslo?", "SELECT COUNT(*) FROM employee WHERE city = 'Oslo'", [(3,)]),
        ("Who are the top two earners?", "SELECT name FROM employee ORDER BY salary DESC LIMIT 2", [("A",), ("B",)]),
        ("Who earns at least 5000?", "SELECT name FROM employee WHERE salary > 4999", [("A",)]),
        ("How many employees are not in Rome?", "SELECT COUNT(*) FROM employee WHERE city <> 'Rome'", [(2,)]),
    ],
)
def test_a_query_that_shows_it_is_not_doubted(question: str, sql: str, rows: list[tuple[Cell, ...]]) -> None:
    assert judge(question, STAFF, link(question, STAFF), sql, 1, rows).doubts == []


def test_the_rows_that_most_queries_give_are_believed() -> None:
    choice = choose([Candidate("a", 1, [(1, "x")]), Candidate("b", 2, [("x", 1)]), Candidate("c", 2, [(2, "y")])])
    assert choice is not None
    assert (choice.votes, choice.candidate.sql) == (3, "b")


def test_doubts_outweigh_votes() -> None:
    choice = choose([Candidate("a", 3, [(1,)], ["no Oslo", "no group"]), Candidate("b", 1, [(2,)])])
    assert choice is not None
    assert choice.candidate.sql == "b"


def test_nothing_ran_means_nothing_is_chosen() -> None:
    assert choose([]) is None
