"""What every report tells: who answered, each suite's results and its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from evals.gate import Decision, Gate
from evals.intervals import wilson
from evals.suite import CaseResult, SuiteReport

WORDS: dict[Decision, str] = {
    "pass": "passed",
    "fail": "failed",
    "infrastructure": "not decided: cases ended in errors",
    "underpowered": "not decided: too few cases or trials to rule out a drop",
}


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


def statistics_line(gate: Gate) -> str:
    """Return a comparison in one line, empty where there was none."""
    compared = gate.comparison
    if compared is None:
        return ""
    p = compared.p_worse if gate.p_adjusted is None else gate.p_adjusted
    return (
        f"{compared.before:.1%} before, {compared.now:.1%} now over {compared.cases} cases: "
        f"{compared.difference:+.1%} [{compared.low:+.1%} to {compared.high:+.1%}], p {p:.3f} (Holm), "
        f"detectable drop {compared.detectable:.1%}; a drop of {compared.margin:.0%} needs {compared.needed} cases"
    )
