"""A question in other words has the same answer or none; a condition that the tables do not know leaves it without one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.offline_sql import TableEngine
from evals.suites.chinook_sql.suite import DATABASE
from lyceum.tables import Cell

ENGINE = TableEngine()
SAME = [
    (
        "How many customers live in Brazil?",
        "In Brazil, how many customers are there?",
        "Number of customers in Brazil",
        "How many clients are from Brazil?",
        "how many brazilian customers do we have",
    ),
    (
        "Which genre has the most tracks?",
        "What is the genre with the most tracks?",
        "The genre with the largest number of tracks, please.",
        "Show the genre that has the highest number of songs.",
    ),
    (
        "List the albums by Queen.",
        "Which albums are by the artist Queen?",
        "Show me all albums of Queen",
        "What albums did Queen make?",
    ),
    (
        "How many invoices were issued in 2023?",
        "In 2023, how many invoices were there?",
        "Count the invoices of 2023.",
        "What was the number of invoices during 2023?",
    ),
    (
        "How many tracks cost more than 1 dollar?",
        "Count the tracks priced above 1 dollar.",
        "How many songs have a unit price over 1?",
        "Number of tracks with a price greater than $1",
    ),
    (
        "Which customers from Canada have no company?",
        "Which customers have no company and are from Canada?",
        "List customers in Canada without a company.",
    ),
]
PLAIN = (
    "How many customers live in Brazil",
    "Which genre has the most tracks",
    "List the albums by Queen",
    "How many invoices were issued in 2023",
    "What is the average invoice total",
)
UNKNOWN = (
    "that were refunded",
    "with a golden badge",
    "on vinyl only",
    "excluding subscribers",
    "sponsored by Acme",
    "after the second concert",
)


async def rows(question: str) -> list[tuple[Cell, ...]] | None:
    """The rows of the answer, in any order and with the cells of a row in any order; None where it is declined."""
    outcome = await ENGINE.ask(question, attach=(DATABASE,))
    if outcome.declined:
        return None
    assert isinstance(outcome.output, dict)
    found = outcome.output["rows"]
    assert isinstance(found, list)
    return sorted((tuple(sorted(row, key=repr)) for row in found if isinstance(row, list)), key=repr)  # pyright: ignore[reportReturnType, reportUnknownArgumentType]


@pytest.mark.parametrize("asked", SAME, ids=[asked[0] for asked in SAME])
async def test_the_same_question_in_other_words_has_the_same_answer_or_none(asked: Sequence[str]) -> None:
    answers = [await rows(question) for question in asked]
    given = [answer for answer in answers if answer is not None]
    assert all(answer == given[0] for answer in given)
    assert len(given) >= len(asked) / 2


@pytest.mark.parametrize("clause", UNKNOWN)
@pytest.mark.parametrize("question", PLAIN)
async def test_a_condition_that_the_tables_do_not_know_is_never_passed_over(question: str, clause: str) -> None:
    assert await rows(f"{question}?") is not None
    assert await rows(f"{question} {clause}?") is None
