"""Execution match for anybody's SQL agent: its query, or the rows it gives, against a query known to be right."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from evals.sql_match import match_rows, rows_of, run_gold
from evals.suite import Case, Outcome, Score
from evals.verdicts import blocks_in, held_in, judged, unless_declined, wanted
from lyceum.errors import UserError
from lyceum.tables import Cell

_SECONDS = 10.0
_MOST_ROWS = 10_000
_MOST_BYTES = 1_000_000  # of one value
_READS = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
_BARE = re.compile(r"\s*(?:select|with)\b", re.IGNORECASE)


class Rows(BaseModel):
    """`expected.rows`: the rows of `sql`, or of one of `alternatives`, in the SQLite file `database`.

    Row order counts where `ordered`; `strict` allows no column beside them. `argument`, as TOOL.ARGUMENT, says where
    the agent's query is: in the last call of that tool that succeeded.
    """

    model_config = ConfigDict(extra="forbid")

    database: str
    sql: str
    alternatives: list[str] = []
    ordered: bool = False
    strict: bool = False
    argument: str = ""


def score_rows(case: Case, outcome: Outcome) -> Score | None:
    """Judge rows: those in the output, else those of the query in the named argument, the output, or the answer."""
    if "rows" not in case.expected:
        return None
    expected = wanted(Rows, case.expected["rows"], f"{case.id}: rows")
    database = case.folder / expected.database
    if not database.is_file():
        raise UserError(
            f"{case.id}: there is no {database}.", next_step="Name a SQLite file from the cases' folder on."
        )
    given: Sequence[Sequence[Cell]] | None = None if expected.argument else rows_of(outcome)
    if given is None:
        query = _query(expected.argument, outcome)
        if not query:
            return unless_declined("rows", outcome, "neither rows nor a query were given")
        try:
            given = run_query(database, query)
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:  # Warning: several statements; ValueError: a NUL
            return judged("rows", False, f"its query fails: {error}", query)
    for sql in (expected.sql, *expected.alternatives):
        if match_rows(run_gold(database, sql), given, ordered=expected.ordered, strict=expected.strict):
            return judged("rows", True)
    return unless_declined("rows", outcome, f"the rows differ: {len(given)}, beginning with {list(given[:3])}")


def _query(argument: str, outcome: Outcome) -> str:
    if argument:
        tool, _, name = argument.rpartition(".")
        steps = outcome.trajectory.calls if outcome.trajectory else []
        asked = [step for step in steps if step.tool == tool and name in step.arguments and step.ok is not False]
        return str(asked[-1].arguments[name]) if asked else ""
    if said := held_in(outcome, "sql"):
        return str(said)
    bare = [outcome.answer] if _BARE.match(outcome.answer) else []
    return next(reversed(bare + blocks_in(outcome.answer, "sql", "sqlite")), "")  # an agent corrects itself downwards


def run_query(database: Path, query: str) -> list[tuple[Cell, ...]]:
    """Run somebody's query, which may only read this database, for 10 s and 10,000 rows; raises sqlite3.Error."""
    deadline = time.monotonic() + _SECONDS
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        connection.set_authorizer(_reads_only)
        rows = connection.execute(query).fetchmany(_MOST_ROWS + 1)
    if len(rows) > _MOST_ROWS:
        raise sqlite3.DataError(f"it gives more than {_MOST_ROWS:,} rows")
    return rows


def _reads_only(action: int, *_what: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY
