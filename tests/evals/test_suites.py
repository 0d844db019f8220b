from __future__ import annotations

import pytest

from evals.sql_match import run_gold
from evals.suite import Case, Outcome
from evals.suites.chinook_sql.suite import DATABASE, suite
from evals.suites.course_questions.suite import score_citations


def test_every_gold_query_of_chinook_answers_with_rows():
    for case in suite().cases:
        gold = case.expected["gold_sql"]
        if gold is not None:
            rows = run_gold(DATABASE, str(gold))
            assert any(cell is not None for row in rows for cell in row), case.id


def test_chinook_has_both_splits_and_questions_that_must_be_declined():
    cases = suite().cases
    assert sum(case.split == "dev" for case in cases) >= 80
    assert sum(case.split == "heldout" for case in cases) >= 50
    assert sum(case.expected["gold_sql"] is None for case in cases) >= 15


@pytest.mark.parametrize(
    ("gold", "citations", "declined", "verdict"),
    [
        (["course:a"], ["course:b", "course:a"], False, "right"),
        (["course:a"], ["course:b", "course:c", "course:a"], False, "wrong"),
        (["course:a"], [], True, "declined"),
        ([], [], True, "right"),
        ([], ["course:a"], False, "wrong"),
    ],
)
def test_only_the_first_two_citations_count(gold: list[str], citations: list[str], declined: bool, verdict: str):
    outcome = Outcome(output={"citations": [*citations]}, declined=declined)
    assert score_citations(Case(id="a", input="?", expected={"gold": [*gold]}), outcome).verdict == verdict
