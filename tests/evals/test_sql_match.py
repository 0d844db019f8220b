from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.sql_match import match_rows, run_gold, score_rows
from evals.suite import Case, Outcome

Cells = st.none() | st.integers(-999, 999) | st.text("abc", max_size=3) | st.floats(-9, 9).map(lambda x: round(x, 3))
Tables = st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[Cells] * width), min_size=1, max_size=6))


@given(Tables, st.randoms(use_true_random=False))
def test_shuffled_rows_and_columns_match_in_both_modes(rows, random):
    order = random.sample(range(len(rows[0])), len(rows[0]))
    shuffled = [tuple(row[i] for i in order) for row in random.sample(rows, len(rows))]
    assert match_rows(rows, shuffled, strict=True)
    assert match_rows(rows, [(*row, "extra") for row in shuffled])


@given(Tables)
def test_a_missing_row_never_matches(rows):
    assert not match_rows(rows, rows[1:])


@given(Tables)
def test_a_value_that_is_not_there_never_matches(rows):
    assert not match_rows([*rows[1:], (*rows[0][1:], "zzz")], rows)


def test_an_extra_column_is_lenient_only():
    assert match_rows([("Rock",)], [("Rock", 1297)])
    assert not match_rows([("Rock",)], [("Rock", 1297)], strict=True)


def test_the_label_alone_does_not_match_gold_with_a_measure():
    assert not match_rows([("Rock", 1297)], [("Rock",)])


def test_values_of_different_rows_are_not_mixed():
    assert not match_rows([("a", 1), ("b", 2)], [("a", 2), ("b", 1)])


def test_order_counts_only_where_asked():
    assert match_rows([("a",), ("b",)], [("b",), ("a",)])
    assert not match_rows([("a",), ("b",)], [("b",), ("a",)], ordered=True)


@pytest.mark.parametrize("given_name", [("Jane Peacock",), ("Jane", "Peacock"), ("Peacock", "Jane")])
def test_a_full_name_equals_first_and_last_name(given_name: tuple[str, ...]):
    assert match_rows([("Jane", "Peacock", 21)], [(*given_name, 21)])
    assert match_rows([("Jane Peacock", 21)], [(*given_name, 21)])


@pytest.mark.parametrize(
    ("gold", "given_value", "same"),
    [
        (5.651942, 5.65, True),
        (5.651942, 5.66, False),
        (5.651942, 5.7, False),
        (3, 3.0, True),
        (3, 4, False),
        (0.004, 0.0, False),
        ("2024", 2024, True),
        ("2024-01-05 00:00:00", "2024-01-05", True),
        ("07", 7, False),
        (True, 1, True),
        (None, 0, False),
    ],
)
def test_equality_of_two_cells(gold: object, given_value: object, same: bool):
    assert match_rows([(gold,)], [(given_value,)]) is same  # pyright: ignore[reportArgumentType]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)")
    connection.close()
    return path


def test_gold_sql_cannot_write(database: Path):
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        run_gold(database, "DELETE FROM t")


@pytest.mark.parametrize(
    ("gold", "outcome", "verdict"),
    [
        ("SELECT sum(x) FROM t", Outcome(output={"sql": "", "rows": [[3]]}), "right"),
        ("SELECT sum(x) FROM t", Outcome(output={"sql": "", "rows": [[4]]}), "wrong"),
        ("SELECT sum(x) FROM t", Outcome(answer="three"), "wrong"),
        ("SELECT sum(x) FROM t", Outcome(declined=True), "declined"),
        (None, Outcome(declined=True), "right"),
        (None, Outcome(output={"sql": "", "rows": [[4]]}), "wrong"),
    ],
)
def test_the_verdict_follows_the_rows(database: Path, gold: str | None, outcome: Outcome, verdict: str):
    case = Case(id="a", input="?", expected={"gold_sql": gold})
    assert score_rows(case, outcome, database).verdict == verdict


def test_any_of_the_alternatives_is_right(database: Path):
    case = Case(id="a", input="?", expected={"gold_sql": "SELECT 1", "alternatives": ["SELECT x FROM t"]})
    assert score_rows(case, Outcome(output={"rows": [[2], [1]]}), database).verdict == "right"


def test_columns_that_are_alike_one_by_one_and_not_together_are_not_tried_for_ever():
    chance = random.Random(1)
    columns = [chance.sample([0] * 6 + [1] * 6, 12) for _ in range(30)]  # 30 * 29 * ... * 25 ways to choose six
    assert not match_rows(list(zip(*columns[:6], strict=True)), list(zip(*columns[6:], strict=True)))
