"""Business questions to invented databases that differ as real ones do; some cannot be answered and must be declined.

The questions to a database are in `cases/<database>.yaml`; a database belongs to one split, whole.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

from evals.sql_match import score_rows
from evals.suite import Case, FrontDoor, Outcome, Score, Suite, load_cases
from evals.suites.analytics_sql.databases import DOMAINS


@lru_cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="analytics-sql-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@lru_cache
def _database(name: str) -> Path:
    return DOMAINS[name].write(_folder() / f"{name}.sqlite")


def database_of(case: Case) -> Path:
    return _database(str(case.expected["database"]))


async def answer(front_door: FrontDoor, case: Case) -> Outcome:
    return await front_door.ask(case.input, attach=(database_of(case),), agent="sql")


def score_sql(case: Case, outcome: Outcome) -> Score:
    return score_rows(case, outcome, database_of(case))


def suite() -> Suite:
    cases = [
        case.model_copy(update={"split": domain.split, "expected": {**case.expected, "database": name}})
        for name, domain in DOMAINS.items()
        for case in load_cases(Path(__file__).parent / "cases" / f"{name}.yaml")
    ]
    return Suite("analytics_sql", __doc__ or "", tuple(cases), answer, (score_sql,))
