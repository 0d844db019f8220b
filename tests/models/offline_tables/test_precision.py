"""The table engine is right or silent: it may decline any question, and must hardly ever answer one wrongly."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.offline_sql import TableEngine
from evals.suite import Suite, run_suite
from evals.suites.analytics_sql.suite import suite as analytics
from evals.suites.chinook_sql.suite import DATABASE
from evals.suites.chinook_sql.suite import suite as chinook


@pytest.mark.parametrize(("make", "least"), [(chinook, 0.9), (analytics, 0.4)])
async def test_on_development_questions_it_answers_many_and_hardly_any_wrongly(
    make: Callable[[], Suite], least: float
) -> None:
    report = await run_suite(make(), TableEngine(), split="dev")
    total = len(report.results)
    assert report.counts["error"] == 0
    assert report.counts["wrong"] <= 0.02 * total
    assert report.counts["right"] >= least * total


@pytest.mark.parametrize(
    "question",
    [
        "Which genre will sell best next year?",
        "How many tracks does the average listener like?",
        "What is the profit margin per album?",
        "Which customers complained about their invoice?",
        "How many tracks were streamed last month?",
        "Who is the most talented artist?",
    ],
)
async def test_what_the_tables_do_not_say_is_declined(question: str) -> None:
    assert (await TableEngine().ask(question, attach=(DATABASE,))).declined


@pytest.mark.parametrize(
    ("question", "cell"),
    [
        ("How many albums are there?", 347),
        ("Which genre has the most tracks?", "Rock"),
        ("How many customers are from Brazil?", 5),
        ("How many employees are there?", 8),
        ("How many albums does Iron Maiden have?", 21),  # the artist, not the track of that name
    ],
)
async def test_what_its_words_leave_no_doubt_about_is_answered(question: str, cell: object) -> None:
    outcome = await TableEngine().ask(question, attach=(DATABASE,))
    assert isinstance(outcome.output, dict)
    assert outcome.output["rows"][0][0] == cell


@pytest.mark.parametrize(
    ("question", "cell"),
    [
        ("How many works are on display?", 2),
        ("What is the total value of the works on display?", 70),
        ("What is the total value of the works not on display?", 9),
    ],
)
async def test_a_name_of_function_words_alone_is_still_a_condition(question: str, cell: int, tmp_path: Path) -> None:
    path = tmp_path / "gallery.sqlite"
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("CREATE TABLE works (id INTEGER PRIMARY KEY, title TEXT, value INTEGER, on_display INTEGER)")
        made.executemany("INSERT INTO works VALUES (?, ?, ?, ?)", [(1, "A", 30, 1), (2, "B", 9, 0), (3, "C", 40, 1)])
    outcome = await TableEngine().ask(question, attach=(path,))
    assert isinstance(outcome.output, dict)
    assert outcome.output["rows"] == [[cell]]
