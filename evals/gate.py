"""Whether a change may pass: what was right must stay right, and what cannot be told is not called good.

A deterministic suite fails on any case that got worse. A suite with randomness is compared case by case with its
baseline (`evals/statistics`). In both a case that is missing, new, or ended in an error is never passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from evals.baseline import Baseline, Known, Verdicts, by_split, counts, failing_scorers
from evals.measures import Change, Measures, changes, measures_of
from evals.statistics import Comparison, Flaky, compare, flaky, holm
from evals.suite import TIMED_OUT, CaseResult, Split, Suite, SuiteReport, Verdict, chosen

Decision = Literal["pass", "fail", "infrastructure", "underpowered"]
Kind = Literal["worse", "missing", "new", "error", "timed out", "scorer", "no baseline", "fewer right", "better"]
EXIT: dict[Decision, int] = {"pass": 0, "fail": 1, "infrastructure": 6, "underpowered": 5}
_RANK: tuple[Verdict, ...] = ("right", "declined", "wrong", "error")  # from good to bad
NEW = "the baseline does not know it: --update-baseline accepts it"
_FATAL: frozenset[Kind] = frozenset({"worse", "missing", "new", "scorer", "fewer right"})


@dataclass(frozen=True)
class Finding:
    """Something about a case, or of a whole split (`case` empty); `detail` may be a trajectory's diff."""

    kind: Kind
    case: str
    text: str
    detail: str = ""


@dataclass
class Gate:
    """The verdict on one suite. `comparison` exists only where randomness asks for statistics."""

    suite: str
    decision: Decision = "pass"
    findings: list[Finding] = field(default_factory=list[Finding])
    comparison: Comparison | None = None
    flaky: list[Flaky] = field(default_factory=list[Flaky])
    p_adjusted: float | None = None
    changes: list[Change] = field(default_factory=list[Change])  # told, never decided by


def judge(
    suite: Suite,
    report: SuiteReport,
    baseline: Baseline,
    model: str,
    *,
    random: bool,
    margin: float = 0.05,
    limit: int | None = None,
    trials: int = 1,
) -> Gate:
    """Compare a report with what is known of this model. With `limit` only what was asked is expected.

    Of each case `trials` are expected: a run that was broken off amid them has not shown what it set out to.
    """
    gate = Gate(suite.name)
    found = by_split(suite, report.results)
    gate.flaky = flaky({case: [v == "right" for v in given] for each in found.values() for case, given in each.items()})
    gate.findings += broken(report)
    before: Verdicts = {}
    now: Verdicts = {}
    measured: Measures = {}
    known_any = model in baseline.models
    for split in get_args(Split):
        asked = [case.id for case in chosen(suite, report.split, limit) if case.split == split]
        known = baseline.of(model, split)
        if not asked and (known is None or limit or report.split not in (None, split)):
            continue
        verdicts = found.get(split, {})
        gate.findings += _unasked(asked, verdicts, trials)
        if known is None:  # of this split; of another one more may be known, and then these are new
            gate.findings += [Finding("new", case, NEW) for case in verdicts if known_any]
            continue
        if not known.cases:
            gate.findings += [] if limit else _counted(suite, split, known.right, known.wrong, verdicts)
            continue
        before |= known.verdicts
        now |= verdicts
        for name, by_case in (known.measures or {}).items():
            measured.setdefault(name, {}).update(by_case)
        gate.findings += _changed(known.verdicts, verdicts, asked, report.results, random=random, whole=limit is None)
        gate.findings += [] if random else _wrong_otherwise(known, verdicts, report.results)
    if not known_any:
        gate.findings += [Finding("no baseline", "", _unknown(baseline, model))]
    elif random and any(case in now for case in before):
        gate.comparison = compare(_passes(before), _passes(now), margin=margin)
        gate.changes = changes(measured, measures_of(report.results)) if measured else []
    settle([gate])
    return gate


def _unknown(baseline: Baseline, model: str) -> str:
    kept = f"the baseline knows {', '.join(baseline.models)}" if baseline.models else "there is no baseline"
    return f"{kept}; --update-baseline measures one for {model}"


def settle(gates: Sequence[Gate]) -> Decision:
    """Decide each suite, p-values adjusted for how many are tested (Holm), and return the worst decision."""
    tested = [gate for gate in gates if gate.comparison is not None]
    adjusted = holm([gate.comparison.p_worse for gate in tested if gate.comparison])
    for gate, p in zip(tested, adjusted, strict=True):
        gate.p_adjusted = p
    for gate in gates:
        gate.decision = _decided(gate)
    order: tuple[Decision, ...] = ("fail", "infrastructure", "underpowered", "pass")
    return next(each for each in order if each == "pass" or any(gate.decision == each for gate in gates))


def _decided(gate: Gate) -> Decision:
    kinds = {finding.kind for finding in gate.findings}
    statistical = gate.comparison.decide(p=gate.p_adjusted) if gate.comparison else "same"
    if kinds & _FATAL or statistical == "worse":
        return "fail"
    if kinds & {"error", "timed out"}:
        return "infrastructure"
    return "underpowered" if statistical == "underpowered" else "pass"


def broken(report: SuiteReport) -> list[Finding]:
    """Trials that tell nothing about the agent: it was not reached in time, or a scorer is broken."""
    found: list[Finding] = []
    for result in report.results:
        for score in result.scores:
            if score.verdict == "error":
                late = score.reason.startswith(TIMED_OUT)
                kind: Kind = "scorer" if result.outcome.error is None else "timed out" if late else "error"
                found.append(Finding(kind, result.case, f"{score.scorer}: {score.reason}"))
                break
    return found


def _counted(suite: Suite, split: Split, right: int, wrong: int, verdicts: Verdicts) -> list[Finding]:
    """Compare counts alone, where no more is known."""
    now = counts(verdicts)
    if now["right"] >= right and now["wrong"] <= wrong:
        return []
    said = f"{right} right and {wrong} wrong before, {now['right']} and {now['wrong']} now"
    return [Finding("fewer right", "", f"worse than the baseline: {suite.name}, {split}: {said}")]


def _unasked(asked: Sequence[str], verdicts: Verdicts, trials: int) -> list[Finding]:
    tried = {case: len(verdicts.get(case, ())) for case in asked}
    return [
        Finding("missing", case, f"{count} of {trials} trials were asked" if count else "was not asked")
        for case, count in tried.items()
        if count < trials
    ]


def _changed(
    before: Verdicts, now: Verdicts, asked: Sequence[str], results: Sequence[CaseResult], *, random: bool, whole: bool
) -> list[Finding]:
    gone = "the baseline knows it; was it renamed or removed?"
    found = [Finding("new", case, NEW) for case in now if case not in before]
    found += [Finding("missing", case, gone) for case in before if whole and case not in asked]
    for case in [] if random else sorted(before.keys() & now.keys()):
        was, became = (max(given, key=_RANK.index) for given in (before[case], now[case]))
        if _RANK.index(became) > _RANK.index(was):
            text = f"{was} before, {became} now{_why(case, results)}"
            found.append(Finding("worse", case, text, _detail(case, results)))
        elif became == "right" and was != "right":
            found.append(Finding("better", case, f"{was} before, right now: --update-baseline keeps it so"))
    return found


def _wrong_otherwise(known: Known, now: Verdicts, results: Sequence[CaseResult]) -> list[Finding]:
    """Cases that were not right before and still are not, but now also for a reason that is new."""
    found: list[Finding] = []
    for case, names in failing_scorers(results).items() if known.failing else ():
        before = known.failing.get(case, []) if known.failing else []
        new = [name for name in names if name not in before]
        if case in now and before and new:
            told = [s for r in results if r.case == case for s in r.scores if s.scorer in new and s.verdict != "right"]
            reason = f"wrong before by {', '.join(before)}, now also by {', '.join(new)}: {told[0].reason}"
            found.append(Finding("worse", case, reason, "\n".join(score.detail for score in told if score.detail)))
    return found


def _worst(case: str, results: Sequence[CaseResult]) -> CaseResult:
    return max((r for r in results if r.case == case), key=lambda r: _RANK.index(r.verdict))


def _why(case: str, results: Sequence[CaseResult]) -> str:
    worst = _worst(case, results)
    reasons = [score.reason for score in worst.scores if score.verdict == worst.verdict and score.reason]
    return f": {reasons[0]}" if reasons else ""


def _detail(case: str, results: Sequence[CaseResult]) -> str:
    return "\n".join(score.detail for score in _worst(case, results).scores if score.detail)


def _passes(verdicts: Verdicts) -> dict[str, list[float]]:
    return {case: [float(verdict == "right") for verdict in given] for case, given in verdicts.items()}
