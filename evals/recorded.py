"""Trajectories that were recorded elsewhere, judged as if they had just been asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from evals.gate import Finding, Gate, broken, settle
from evals.matching.predicates import plain
from evals.suite import CaseResult, Outcome, Split, Suite, SuiteReport, chosen, score, storable
from evals.trajectory import Trajectory


def outcome_of(trajectory: Trajectory) -> Outcome:
    """Return what a trajectory came to."""
    outcome = Outcome(
        answer=trajectory.answer,
        output=trajectory.output,
        declined=trajectory.declined,
        error=trajectory.error,
        seconds=trajectory.totals.seconds,
        tokens=trajectory.totals.tokens or 0,
        trajectory=trajectory,
    )
    return storable(outcome)


def matched(
    suite: Suite, trajectories: Iterable[Trajectory], *, split: Split | None = None, limit: int | None = None
) -> tuple[SuiteReport, list[str]]:
    """Judge each trajectory by its case, and name those that belong to none.

    A trajectory belongs to the case that it names, else to the one with its input; where there is one case, to it.
    Several of one case are its trials.
    """
    cases = {case.id: case for case in chosen(suite, split, limit)}
    known = {case.id for case in suite.cases}
    by_input = {plain(case.input): case.id for case in cases.values()}
    only = next(iter(cases)) if len(cases) == 1 else ""
    trials: Counter[str] = Counter()
    results: list[CaseResult] = []
    strangers: list[str] = []
    for number, trajectory in enumerate(trajectories, 1):
        name = trajectory.case or by_input.get(plain(trajectory.input), "") or only
        if name not in cases:
            if name not in known:
                strangers.append(name or f"number {number}, {trajectory.input[:60]!r}")
            continue
        trials[name] += 1
        outcome = outcome_of(trajectory)
        scores = score(suite.scorers, cases[name], outcome)
        results.append(CaseResult(case=name, trial=trials[name], outcome=outcome, scores=scores))
    return SuiteReport(suite=suite.name, split=split, results=results), strangers


def all_right(suite: Suite, report: SuiteReport, *, limit: int | None = None) -> Gate:
    """Judge without a baseline: every case must be there, and right."""
    gate = Gate(suite.name, findings=broken(report))
    given = {result.case for result in report.results}
    gate.findings += [
        Finding("missing", case.id, "no trajectory was given")
        for case in chosen(suite, report.split, limit)
        if case.id not in given
    ]
    for result in report.results:
        if result.verdict in ("wrong", "declined"):
            reason = "; ".join(score.reason for score in result.scores if score.verdict != "right" and score.reason)
            detail = "\n".join(score.detail for score in result.scores if score.detail)
            gate.findings.append(Finding("worse", result.case, f"{result.verdict}: {reason}", detail))
    settle([gate])
    return gate
