"""What every report tells: who answered, each suite's results and its verdict."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from evals.gate import Decision, Gate
from evals.intervals import wilson
from evals.measures import AMOUNTS, Change
from evals.statistics import pass_all, pass_at
from evals.suite import CaseResult, SuiteReport

WORDS: dict[Decision, str] = {
    "pass": "passed",
    "fail": "failed",
    "infrastructure": "not decided: cases ended in errors",
    "underpowered": "not decided: too few cases or trials to rule out a drop",
}
LONGEST = 4000  # characters shown of one text; samples.jsonl and report.json have all
# What moves a terminal's cursor, ends a page's line, or turns the order of what is read.
_ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Judged:
    """A suite's results and the verdict on them; `inputs` are the questions by case."""

    report: SuiteReport
    gate: Gate
    inputs: dict[str, str] = field(default_factory=dict[str, str])

    def failing(self) -> list[CaseResult]:
        return [result for result in self.report.results if result.verdict != "right"]


@dataclass(frozen=True)
class Told:
    """A whole run; `when` is a date and time as text, or empty."""

    model: str
    decision: Decision
    suites: Sequence[Judged]
    when: str = ""


def share(report: SuiteReport) -> tuple[int, int, float, float]:
    """Return how many trials were right, of how many, and the 95 % Wilson interval."""
    right, total = report.counts["right"], len(report.results)
    return right, total, *wilson(right, total)


def shown(text: str, most: int = LONGEST) -> str:
    """Return what may be shown of a text that somebody else wrote: no controls, and its beginning where it is long."""
    left = len(text) - most
    plain = _ACTING.sub("�", text[:most].replace("\r\n", "\n"))
    return f"{plain} … and {left} more characters" if left > 0 else plain


def trials_line(report: SuiteReport) -> str:
    """Return how often one of k trials is right, and all of them; empty where a case was tried once only."""
    found = several(report)
    if found is None:
        return ""
    k, one, every = found
    return f"one of {k} trials right (pass@{k}) {one:.1%}, all {k} right (pass^{k}) {every:.1%}"


def several(report: SuiteReport) -> tuple[int, float, float] | None:
    """Return the trials that every case has, and pass@k and pass^k of so many, as means over cases."""
    trials: dict[str, list[bool]] = {}
    for result in report.results:
        trials.setdefault(result.case, []).append(result.verdict == "right")
    k = min((len(given) for given in trials.values()), default=0)
    if k < 2:
        return None
    one, every = (
        sum(rate(sum(given), len(given), k) for given in trials.values()) / len(trials) for rate in (pass_at, pass_all)
    )
    return k, one, every


def change_lines(gate: Gate) -> list[str]:
    """Return what each scorer alone and each amount did, a line each; p as in `Change`."""
    return [
        f"{each.name}: {_amount(each, each.before)} before, {_amount(each, each.now)} now over {each.cases} cases, "
        f"{_p(each.p)} (BH)"
        for each in gate.changes
    ]


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p {value:.3f}"


def _amount(change: Change, value: float) -> str:
    return f"{value:,.4g}" if change.name in AMOUNTS else f"{value:.1%}"


def statistics_line(gate: Gate) -> str:
    """Return a comparison in one line, empty where there was none."""
    compared = gate.comparison
    if compared is None:
        return ""
    p = compared.p_worse if gate.p_adjusted is None else gate.p_adjusted
    effect = "" if compared.effect is None else f", effect size {compared.effect:+.2f}"
    drop, cases = f"{compared.detectable:.1%}", f"{compared.needed}"
    if compared.needed_whole > compared.needed:  # spread over all cases, or breaking few of them wholly
        drop, cases = f"{drop} to {compared.detectable_whole:.1%}", f"{cases} to {compared.needed_whole}"
    return (
        f"{compared.before:.1%} before, {compared.now:.1%} now over {compared.cases} cases: "
        f"{compared.difference:+.1%} [{compared.low:+.1%} to {compared.high:+.1%}]{effect}, {_p(p)} (Holm), "
        f"detectable drop {drop}; a drop of {compared.margin:.0%} needs {cases} cases"
    )
