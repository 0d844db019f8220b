"""Execution match: a query is right when its rows say what the rows of the gold query say.

Not compared are the SQL text, column names and column order; row order only where the question asks for one.
Execution accuracy as in the Spider and BIRD benchmarks, but extra columns are allowed in lenient mode: a person who
asks "which genre has the most tracks" is not misled by the count beside the name.
"""

from __future__ import annotations

import math
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice, permutations
from pathlib import Path

from evals.suite import Case, Outcome, Score
from lyceum.tables import Cell

Row = Sequence[Cell]
Column = tuple[Cell, ...]
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d+)?")
_MOST_CELLS_JOINED = 8  # more columns than this are no list of people's names
_GOLD_SECONDS = 10.0
_MOST_CHOICES = 10_000  # of columns: many alike, and none of them right, would be tried for ever


def match_rows(gold: Sequence[Row], predicted: Sequence[Row], *, ordered: bool = False, strict: bool = False) -> bool:
    """Whether predicted rows hold the gold rows.

    Strict: the same bag of value tuples, whatever the column order. Lenient: some choice of the predicted columns is
    that bag. In both, ints equal floats, floats agree to 1e-6 relative or when one is the other rounded to two
    decimals, dates are text, and a full name equals first and last name.
    """
    if len(gold) != len(predicted):
        return False
    if not gold:
        return True
    if len({len(row) for row in gold}) > 1 or len({len(row) for row in predicted}) > 1:
        return False
    wanted, given = _columns(gold), _columns(predicted)
    if strict:
        return any(
            len(left) == len(right) and _maps(left, right, ordered=ordered)
            for left in _named(wanted)
            for right in _named(given)
        )
    return any(_maps(columns, [*given, *_joined(given)], ordered=ordered) for columns in _named(wanted))


def run_gold(database: Path, sql: str) -> list[tuple[Cell, ...]]:
    """Run gold SQL read-only within 10 s; raises sqlite3.Error."""
    deadline = time.monotonic() + _GOLD_SECONDS
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        return connection.execute(sql).fetchall()


def score_rows(case: Case, outcome: Outcome, database: Path) -> Score:
    """Judge `outcome.output = {"sql", "rows"}` by the case's gold SQL, its alternatives, or by having declined."""

    def score(value: float, verdict: str, reason: str) -> Score:
        return Score.model_validate({"scorer": "execution_match", "value": value, "verdict": verdict, "reason": reason})

    gold = case.expected.get("gold_sql")
    if gold is None:
        return score(1, "right", "rightly declined") if outcome.declined else score(0, "wrong", "unanswerable")
    if outcome.declined:
        return score(0, "declined", outcome.answer)
    rows = rows_of(outcome)
    if rows is None:
        return score(0, "wrong", "the answer carries no rows")
    alternatives = case.expected.get("alternatives", [])
    if not isinstance(alternatives, list):
        raise TypeError(f"{case.id}: alternatives is no list")
    for sql in [gold, *alternatives]:
        if match_rows(run_gold(database, str(sql)), rows, ordered=bool(case.expected.get("ordered", False))):
            return score(1, "right", "the rows agree")
    return score(0, "wrong", "the rows differ")


def rows_of(outcome: Outcome) -> list[list[Cell]] | None:
    """Return the rows that an outcome's typed output holds; None where it has none."""
    rows = outcome.output.get("rows") if isinstance(outcome.output, dict) else None
    if not isinstance(rows, list):
        return None
    return [
        [cell if not isinstance(cell, (list, dict)) else str(cell) for cell in row]
        for row in rows
        if isinstance(row, list)
    ]


def _columns(rows: Sequence[Row]) -> list[Column]:
    return [tuple(_plain(cell) for cell in column) for column in zip(*rows, strict=True)]


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, str):
        text = cell.strip().removesuffix(" 00:00:00").removesuffix("T00:00:00")
        return float(text) if _NUMBER.fullmatch(text) else text
    return cell if cell is None else float(cell)


def _maps(wanted: Sequence[Column], given: Sequence[Column], *, ordered: bool) -> bool:
    """Whether a one-to-one choice of given columns makes the wanted rows."""
    options = [[i for i, column in enumerate(given) if _same([each], [column], ordered=ordered)] for each in wanted]
    choices = islice(_choices(options, ()), _MOST_CHOICES)
    return any(_same(wanted, [given[i] for i in choice], ordered=ordered) for choice in choices)


def _choices(options: Sequence[Sequence[int]], taken: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if len(taken) == len(options):
        yield taken
        return
    for index in options[len(taken)]:
        if index not in taken:
            yield from _choices(options, (*taken, index))


def _same(wanted: Sequence[Column], given: Sequence[Column], *, ordered: bool) -> bool:
    left, right = list(zip(*wanted, strict=True)), list(zip(*given, strict=True))
    if not ordered:
        # Exact columns sort first, so that a rounded figure never decides which rows are compared.
        order = sorted(range(len(wanted)), key=lambda i: any(_fractional(cell) for cell in (*wanted[i], *given[i])))
        left.sort(key=lambda row: [_sort_key(row[i]) for i in order])
        right.sort(key=lambda row: [_sort_key(row[i]) for i in order])
    return all(_equal(a, b) for x, y in zip(left, right, strict=True) for a, b in zip(x, y, strict=True))


def _fractional(cell: Cell) -> bool:
    return isinstance(cell, float) and not cell.is_integer()


def _sort_key(cell: Cell) -> tuple[int, float, str]:
    if cell is None:
        return (0, 0.0, "")
    return (1, float(cell), "") if isinstance(cell, (int, float)) else (2, 0.0, cell)


def _equal(gold: Cell, given: Cell) -> bool:
    if not isinstance(gold, float) or not isinstance(given, float):
        return gold == given
    if math.isclose(gold, given, rel_tol=1e-6, abs_tol=1e-9):
        return True
    # Two decimals say little about small figures: 0.004 is not "0.0 rounded".
    return abs(gold) >= 0.1 and not gold.is_integer() and given == round(given, 2) and abs(gold - given) <= 0.005 + 1e-9


def _joined(columns: Sequence[Column]) -> list[Column]:
    texts = [column for column in columns if all(isinstance(cell, str) for cell in column)][:_MOST_CELLS_JOINED]
    return [_join(first, last) for first, last in permutations(texts, 2)]


def _join(first: Column, last: Column) -> Column:
    return tuple(" ".join(str(part) for part in pair if part is not None) for pair in zip(first, last, strict=True))


def _named(columns: Sequence[Column]) -> Iterator[list[Column]]:
    """The columns as they are, then with neighbouring text columns read as one full name, either way round."""
    if len(columns) < 2 or len(columns) > _MOST_CELLS_JOINED:
        yield list(columns)
        return
    first, second, *rest = columns
    for others in _named(columns[1:]):
        yield [first, *others]
    if all(cell is None or isinstance(cell, str) for cell in (*first, *second)):
        for others in _named(rest) if rest else [[]]:
            yield [_join(first, second), *others]
            yield [_join(second, first), *others]
