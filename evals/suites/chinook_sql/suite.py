"""Questions to the Chinook music store, from counts to anti-joins; some cannot be answered and must be declined."""

from __future__ import annotations

from pathlib import Path

from evals.sql_match import score_rows
from evals.suite import Case, FrontDoor, Outcome, Score, Suite, load_cases

DATABASE = Path(__file__).parents[3] / "mcp_servers" / "sql" / "chinook.sqlite"  # the sample that ships


async def answer(front_door: FrontDoor, case: Case) -> Outcome:
    return await front_door.ask(case.input, attach=(DATABASE,), agent="sql")


def score_sql(case: Case, outcome: Outcome) -> Score:
    return score_rows(case, outcome, DATABASE)


def suite() -> Suite:
    return Suite("chinook_sql", __doc__ or "", load_cases(Path(__file__).with_name("cases.yaml")), answer, (score_sql,))
