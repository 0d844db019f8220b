"""The report as a comment on a pull request: the verdict first, then a table, then what got worse, folded."""

from __future__ import annotations

import html
import re

from evals.reports.told import WORDS, Judged, Told, share, shown, statistics_line, trials_line

MOST_FINDINGS = 30  # a suite
LONGEST = 60_000  # characters of a comment: GitHub refuses one above 65,536
TEXT, DETAIL = 300, 1500  # characters of a finding
_MARK = {"pass": "✅", "fail": "❌", "infrastructure": "⚠️", "underpowered": "⚠️"}


def markdown(told: Told) -> str:
    """Return the comment. What an agent said is shown as code only, so that it cannot become a link or a picture."""
    lines = [f"## {_MARK[told.decision]} Evals {WORDS[told.decision]}", "", f"Answered by {_code(told.model)}.", ""]
    lines += [
        "| suite | | right | 95 % interval | wrong | declined | errors |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for judged in told.suites:
        right, total, low, high = share(judged.report)
        counts = judged.report.counts
        lines.append(
            f"| {judged.gate.suite} | {_MARK[judged.gate.decision]} | {right} of {total} | {low:.1%} to {high:.1%} "
            f"| {counts['wrong']} | {counts['declined']} | {counts['error']} |"
        )
    room = LONGEST - sum(len(line) + 1 for line in lines)
    for judged in told.suites:
        more = _details(judged, room)
        room -= sum(len(line) + 1 for line in more)
        lines += more
    return "\n".join(lines) + "\n"


def _details(judged: Judged, room: int) -> list[str]:
    """Return what is told of a suite, about `room` characters; its findings come first to their end."""
    gate = judged.gate
    lines: list[str] = []
    if line := statistics_line(gate):
        lines += ["", f"**{gate.suite}**: {line}."]
    if line := trials_line(judged.report):
        lines += ["", f"**{gate.suite}**: {line}."]
    told = [finding for finding in gate.findings if finding.kind != "no baseline"]
    if told:
        lines += [
            "",
            f"<details{' open' if gate.decision == 'fail' else ''}><summary>{gate.suite}: {len(told)} findings",
        ]
        lines[-1] += "</summary>"
        count = 0
        for finding in told[:MOST_FINDINGS]:
            item = ["", f"- **{finding.kind}** {_code(finding.case) if finding.case else ''} {_code(finding.text)}"]
            item += ["", _block(finding.detail)] if finding.detail else []
            room -= sum(len(line) + 1 for line in item)
            if room < 0:
                break
            count += 1
            lines += item
        if len(told) > count:
            lines += ["", f"… and {len(told) - count} more, in the HTML report"]
        lines += ["", "</details>"]
    if gate.flaky:
        lines += ["", f"Flaky in {gate.suite}: "]
        lines[-1] += ", ".join(f"{_code(one.case)} {one.passed} of {one.trials}" for one in gate.flaky[:MOST_FINDINGS])
    return lines


def _code(text: str) -> str:
    """Return text as inline code that nothing in it can end."""
    return f"<code>{_inert(' '.join(shown(text, TEXT).split()))}</code>"


def _block(text: str) -> str:
    return f"<pre>\n{_inert(shown(text, DETAIL))}\n</pre>"


def _inert(text: str) -> str:
    """Escape for HTML, then whatever Markdown would still read inside a tag: marks, mentions, bare addresses."""
    escaped = html.escape(text, quote=False)
    escaped = re.sub(r"([`*_\[\]()!~|\\@#])", lambda found: f"&#{ord(found[1])};", escaped)
    return escaped.replace("://", "&#58;//").replace("www.", "www&#46;")
