"""Beside the verdict a report tells where it got worse: by which scorer, and in what an answer takes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from evals.baseline import Baseline
from evals.gate import Gate, judge
from evals.measures import changes, measures_of
from evals.reports.data import data
from evals.reports.markdown import markdown
from evals.reports.page import page
from evals.reports.text import text
from evals.reports.told import Judged, Told
from evals.suite import Case, CaseResult, Outcome, Score, Suite, SuiteReport


async def nobody(_door: object, case: Case) -> Outcome:
    raise AssertionError(case.id)


SUITE = Suite("s", "", tuple(Case(id=f"c{n}", input="x") for n in range(40)), nobody, ())


def report(*, cites: float, tokens: int, seed: int) -> SuiteReport:
    """Answers that are right nine times in ten, cite so often, and take about so many tokens."""
    rng = np.random.default_rng(seed)
    results: list[CaseResult] = []
    for case in SUITE.cases:
        for trial in (1, 2, 3):
            scores = [
                Score(scorer=name, value=0, verdict="right" if rng.random() < rate else "wrong")
                for name, rate in (("answer", 0.9), ("marks", cites))
            ]
            outcome = Outcome(answer="a", tokens=tokens + int(rng.integers(100)), seconds=1 + rng.random())
            results.append(CaseResult(case=case.id, trial=trial, outcome=outcome, scores=scores))
    return SuiteReport(suite="s", split=None, results=results)


def judged(tmp_path: Path, now: SuiteReport) -> Gate:
    path = tmp_path / "baseline.json"
    Baseline(path).update("m", SUITE, report(cites=0.9, tokens=500, seed=1), random=True)
    return judge(SUITE, now, Baseline(path), "m", random=True, trials=3)


def test_what_got_worse_is_told_by_scorer_and_by_amount(tmp_path: Path) -> None:
    gate = judged(tmp_path, report(cites=0.5, tokens=800, seed=2))
    p = {change.name: change.p for change in gate.changes}
    assert set(p) == {"by answer", "by marks", "tokens", "seconds"}
    assert max(p["by marks"], p["tokens"]) < 0.01
    assert min(p["by answer"], p["seconds"]) > 0.05
    told = Told("m", gate.decision, [Judged(report(cites=0.5, tokens=800, seed=2), gate)])
    for render in (text, markdown, page):
        assert "by marks: " in render(told)
    assert {each["name"] for each in json.loads(data(told))["suites"][0]["changes"]} == set(p)


def test_a_dearer_answer_is_told_and_does_not_fail_the_run(tmp_path: Path) -> None:
    gate = judged(tmp_path, report(cites=0.9, tokens=800, seed=1))
    assert {change.name for change in gate.changes if change.p < 0.05} == {"tokens"}
    assert gate.decision != "fail"


def test_of_many_measures_without_a_change_hardly_any_report_names_one() -> None:
    named = 0
    for seed in range(0, 200, 2):
        before, now = (measures_of(report(cites=0.9, tokens=500, seed=seed + n).results) for n in (0, 1))
        found = changes(before, now)
        named += any(change.p < 0.05 for change in found)
    assert named <= 10


def test_a_suite_without_randomness_keeps_no_amounts_that_differ_from_run_to_run(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    Baseline(path).update("offline", SUITE, report(cites=1, tokens=5, seed=1))
    assert "measures" not in path.read_text(encoding="utf-8")
    Baseline(path).update("m", SUITE, report(cites=1, tokens=5, seed=1), random=True)
    assert len(path.read_text(encoding="utf-8").splitlines()) < 900  # numbers of one case stand in one line
    known = Baseline(path).of("m", "dev")
    assert known
    assert known.measures == measures_of(report(cites=1, tokens=5, seed=1).results)


def test_an_answer_that_ended_in_an_error_measures_nothing_and_what_was_never_counted_is_not_compared() -> None:
    failed = CaseResult(case="a", outcome=Outcome(error="refused", seconds=9), scores=[])
    assert measures_of([failed]) == {}
    free = measures_of(report(cites=1, tokens=5, seed=3).results) | {"cost": {"c1": [0.0]}}
    assert "cost" not in [change.name for change in changes(free, free)]
    assert [change.p for change in changes(free, free) if change.name == "tokens"] == pytest.approx([1.0])
    assert dataclasses.asdict(changes(free, free)[0])["before"] <= 1
