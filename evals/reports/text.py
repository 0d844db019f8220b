"""The terminal's report: counts with intervals, then what got worse and why."""

from __future__ import annotations

from evals.intervals import wilson
from evals.reports.told import WORDS, Judged, Told, change_lines, shown, statistics_line, trials_line
from evals.suite import SuiteReport

LINE = 600  # characters of a finding's text
DETAILS = 5  # so many diffs a suite; the other reports have all


def table(report: SuiteReport) -> str:
    """The counts as people read them: a verdict a line, its share with the 95 % interval."""
    total = len(report.results)
    lines = [
        f"{report.suite}, {report.split or 'all'}: {total} cases in {report.seconds:.1f} s, {report.tokens} tokens"
    ]
    for verdict, count in report.counts.items():
        low, high = wilson(count, total)
        share = count / max(1, total)
        lines.append(f"  {verdict:<9} {count:>4}  {share:>6.1%}  [{low:.1%} to {high:.1%}]")
    return "\n".join(lines)


def verdict(judged: Judged) -> str:
    """What the gate found in a suite, one line a finding, with the diffs of the first few."""
    gate = judged.gate
    lines = [f"{gate.suite}: {WORDS[gate.decision]}"]
    if line := statistics_line(gate):
        lines.append(f"  {line}")
    lines += [f"    {shown(line, LINE)}" for line in change_lines(gate)]
    if line := trials_line(judged.report):
        lines.append(f"  {line}")
    details = 0
    for finding in gate.findings:
        if finding.kind == "fewer right":
            lines.append(f"  {finding.text}")
            continue
        said = " ".join(shown(finding.text, LINE).split())
        lines.append(f"  {finding.kind}: {finding.case}{': ' if finding.case else ''}{said}")
        if finding.detail and details < DETAILS:
            details += 1
            # A CI system may take a line that begins with "::" or "##" for a command, whatever space is before it.
            lines += [f"    | {line}" for line in shown(finding.detail).splitlines()]
    for one in gate.flaky[:10]:
        lines.append(f"  flaky: {one.case} passed {one.passed} of {one.trials} [{one.low:.0%} to {one.high:.0%}]")
    return "\n".join(lines)


def text(told: Told) -> str:
    """Return the whole report as plain text."""
    blocks = [f"answered by {told.model}"]
    for judged in told.suites:
        blocks += [table(judged.report), verdict(judged)]
    return "\n\n".join([*blocks, WORDS[told.decision]]) + "\n"
