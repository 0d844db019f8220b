"""The report as a comment on a pull request: the verdict first, then a table, then what got worse, folded."""

from __future__ import annotations

import html
import re

from evals.reports.told import WORDS, Judged, Told, change_lines, share, shown, statistics_line, trials_line

MOST_FINDINGS = 30  # a suite
LONGEST = 60_000  # characters of a comment: GitHub refuses one above 65,536
TEXT, DETAIL = 300, 1500  # characters of a finding
FRAME = 80  # characters around findings: how many more, and the end
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
    room = LONGEST - _size(lines)
    untold: list[str] = []
    for judged in told.suites:
        more = _details(judged, room)
        if _size(more) > room:
            untold.append(judged.gate.suite)
            continue
        room -= _size(more)
        lines += more
    if untold:
        lines += ["", f"No room was left here for what was found in {len(untold)} suites; the HTML report has it."]
    return "\n".join(lines) + "\n"


def _details(judged: Judged, room: int) -> list[str]:
    """Return what is told of a suite, in `room` characters where they do for its numbers; then its findings fit too."""
    gate = judged.gate
    numbers = [line for line in (statistics_line(gate), trials_line(judged.report)) if line]
    lines = [part for line in numbers for part in ("", f"**{gate.suite}**: {line}.")]
    lines += ["", *(f"- {_code(line)}" for line in change_lines(gate))] if gate.changes else []
    flaky: list[str] = []
    if gate.flaky:
        named = [f"{_code(one.case)} {one.passed} of {one.trials}" for one in gate.flaky[:MOST_FINDINGS]]
        if len(gate.flaky) > len(named):
            named.append(f"and {len(gate.flaky) - len(named)} more")
        flaky = ["", f"Flaky in {gate.suite}: {', '.join(named)}"]
    told = [finding for finding in gate.findings if finding.kind != "no baseline"]
    if told:
        opened = " open" if gate.decision == "fail" else ""
        lines += ["", f"<details{opened}><summary>{gate.suite}: {len(told)} findings</summary>"]
        room -= _size(lines) + _size(flaky) + FRAME
        count = 0
        for finding in told[:MOST_FINDINGS]:
            item = ["", f"- **{finding.kind}** {_code(finding.case) if finding.case else ''} {_code(finding.text)}"]
            item += ["", _block(finding.detail)] if finding.detail else []
            room -= _size(item)
            if room < 0:
                break
            count += 1
            lines += item
        if len(told) > count:
            lines += ["", f"… and {len(told) - count} more, in the HTML report"]
        lines += ["", "</details>"]
    return lines + flaky


def _size(lines: list[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _code(text: str) -> str:
    """Return text as inline code that nothing in it can end."""
    return f"<code>{_inert(' '.join(shown(text, TEXT).split()))}</code>"


def _block(text: str) -> str:
    return f"<pre>\n{_inert(shown(text, DETAIL))}\n</pre>"


def _inert(text: str) -> str:
    """Escape for HTML, then whatever Markdown would still read inside a tag: marks, mentions, bare addresses."""
    escaped = html.escape(text, quote=False)
    escaped = re.sub(r"([`*_\[\]()!~|\\@#$])", lambda found: f"&#{ord(found[1])};", escaped)
    return escaped.replace("://", "&#58;//").replace("www.", "www&#46;")
