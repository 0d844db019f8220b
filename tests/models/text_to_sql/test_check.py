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


def test_rows_with_a_figure_more_have_the_votes_of_both() -> None:
    choice = choose([Candidate("a", 2, [("x",), ("y",)]), Candidate("b", 1, [(2, "y"), (3, "x")])])
    assert choice is not None
    assert (choice.votes, choice.candidate.sql) == (3, "b")


@pytest.mark.parametrize(
    ("question", "sql", "ground"),
    [
        ("How many employees are women?", "SELECT COUNT(*) FROM employee", "passes over women"),
        ("What is the tax on all salaries?", "SELECT SUM(salary) * 0.21 FROM employee", "does not say 0.21"),
        ("What is the tax on all salaries?", "SELECT SUM(salary) FROM employee", "passes over tax"),
        ("How many women work in Oslo?", "SELECT COUNT(*) FROM employee WHERE name LIKE 'A%'", "does not say 'A%'"),
    ],
)
def test_what_has_no_ground_in_question_or_tables_is_never_believed(question: str, sql: str, ground: str) -> None:
    judged = judge(question, STAFF, link(question, STAFF), sql, 9, [(3,)])
    assert any(ground in found for found in judged.unfounded), judged.unfounded
    choice = choose([judged])
    assert choice is not None
    assert choice.support < 2.5


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        ("How many people work in Rome?", "SELECT COUNT(*) FROM employee WHERE city = 'Rome'"),
        ("Which employees earn over three thousand?", "SELECT name FROM employee WHERE salary > 3000"),
        ("Whose name starts with A?", "SELECT name FROM employee WHERE name LIKE 'A%'"),
        ("What is the best paid worker called?", "SELECT name FROM employee ORDER BY salary DESC LIMIT 1"),
        ("What share of employees is from Lima?", "SELECT AVG(city = 'Lima') FROM employee"),
    ],
)
def test_what_the_question_gives_has_a_ground(question: str, sql: str) -> None:
    assert judge(question, STAFF, link(question, STAFF), sql, 5, [(3,)]).unfounded == []


def test_nothing_ran_means_nothing_is_chosen() -> None:
    assert choose([]) is None
