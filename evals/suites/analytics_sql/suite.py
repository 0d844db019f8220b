"""Business questions to invented databases; `expected.database` names the one that each case asks."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

from evals.sql_match import score_rows
from evals.suite import Case, FrontDoor, Outcome, Score, Suite, load_cases
from evals.suites.analytics_sql.databases import build


@lru_cache
def _databases() -> dict[str, Path]:
    return build(Path(tempfile.mkdtemp(prefix="analytics-sql-")))


def database_of(case: Case) -> Path:
    return _databases()[str(case.expected["database"])]


async def answer(front_door: FrontDoor, case: Case) -> Outcome:
    return await front_door.ask(case.input, attach=(database_of(case),), agent="sql")


def score_sql(case: Case, outcome: Outcome) -> Score:
    return score_rows(case, outcome, database_of(case))


def suite() -> Suite:
    cases = load_cases(Path(__file__).with_name("cases.yaml"))
    return Suite("analytics_sql", __doc__ or "", cases, answer, (score_sql,))
