"""The report for a browser, in one file that asks nobody for anything: cases, timelines, diffs, intervals.

Everything an agent said or was asked is escaped; the page's policy forbids every request and every script but its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from pathlib import Path

from pydantic_core import to_json

from evals.gate import Gate
from evals.reports.told import LONGEST, WORDS, Judged, Told, change_lines, share, shown, statistics_line, trials_line
from evals.suite import CaseResult, SuiteReport
from evals.trajectory import Step, Trajectory

_STYLE = (Path(__file__).with_name("page.css")).read_text(encoding="utf-8")
_SCRIPT = (Path(__file__).with_name("page.js")).read_text(encoding="utf-8")
_WIDTH = 260  # of a drawing, in pixels


def page(told: Told) -> str:
    """Return the whole page."""
    policy = f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}"
    body = [_head(told), _overview(told), *(_suite(judged) for judged in told.suites)]
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>Evals: {escape(WORDS[told.decision])}</title><style>{_STYLE}</style></head><body>"
        + "\n".join(body)
        + f"<script>{_SCRIPT}</script></body></html>\n"
    )


def _said(text: str, most: int = LONGEST) -> str:
    return escape(shown(text, most))


def _diff(detail: str) -> str:
    return f"<pre class='diff'>{_said(detail)}</pre>" if detail else ""


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _head(told: Told) -> str:
    return (
        f"<header class='{told.decision}'><h1>Evals {escape(WORDS[told.decision])}</h1>"
        f"<p>answered by <b>{escape(told.model)}</b> {escape(told.when)}</p>"
        "<p><label>show <select id='which'><option value='all'>all cases</option>"
        "<option value='bad'>all but right</option></select></label> "
        "<label>find <input id='find' type='search'></label></p></header>"
    )


def _overview(told: Told) -> str:
    rows: list[str] = []
    for judged in told.suites:
        right, total, low, high = share(judged.report)
        gate = judged.gate
        rows.append(
            f"<tr><td><a href='#{escape(gate.suite)}'>{escape(gate.suite)}</a></td>"
            f"<td class='{gate.decision}'>{escape(WORDS[gate.decision])}</td><td>{right} of {total}</td>"
            f"<td>{_interval(right / max(1, total), low, high)}</td>"
            f"<td>{_difference(gate)}{escape(statistics_line(gate))}</td></tr>"
        )
    titles = ("suite", "verdict", "right", "share, 95 % interval", "against the baseline")
    head = f"<tr>{''.join(f'<th>{title}</th>' for title in titles)}</tr>"
    return f"<div class='scroll'><table>{head}{''.join(rows)}</table></div>"


def _interval(share: float, low: float, high: float) -> str:
    """Draw a share from 0 to 1 with its interval."""
    at, left, right = (4 + (_WIDTH - 8) * value for value in (share, low, high))
    return (
        f"<svg class='drawn' width='{_WIDTH}' height='18' role='img' aria-label='{low:.1%} to {high:.1%}'>"
        f"<line x1='4' x2='{_WIDTH - 4}' y1='9' y2='9' class='axis'/>"
        f"<line x1='{left:.1f}' x2='{right:.1f}' y1='9' y2='9' class='range'/>"
        f"<circle cx='{at:.1f}' cy='9' r='4'/></svg> {share:.1%} [{low:.1%} to {high:.1%}]"
    )


def _difference(gate: Gate) -> str:
    """Draw how much better or worse than the baseline, with its interval, the margin and no change as lines."""
    found = gate.comparison
    if found is None:
        return ""
    reach = max(0.1, abs(found.low), abs(found.high))
    at, left, right, none, margin = (
        4 + (_WIDTH - 8) * (value / reach + 1) / 2
        for value in (found.difference, found.low, found.high, 0.0, -found.margin)
    )
    return (
        f"<svg class='drawn' width='{_WIDTH}' height='18' role='img' "
        f"aria-label='{found.low:+.1%} to {found.high:+.1%}'>"
        f"<line x1='{none:.1f}' x2='{none:.1f}' y1='0' y2='18' class='axis'/>"
        f"<line x1='{margin:.1f}' x2='{margin:.1f}' y1='3' y2='15' class='axis margin'/>"
        f"<line x1='{left:.1f}' x2='{right:.1f}' y1='9' y2='9' class='range'/>"
        f"<circle cx='{at:.1f}' cy='9' r='4'/></svg> "
    )


def _suite(judged: Judged) -> str:
    findings = "".join(
        f"<li><b>{escape(f.kind)}</b> {escape(f.case)} {_said(f.text)}{_diff(f.detail)}</li>"
        for f in judged.gate.findings
    )
    changed = "".join(f"<li>{_said(line)}</li>" for line in change_lines(judged.gate))
    flaky = "".join(
        f"<li>{escape(one.case)} {_interval(one.passed / one.trials, one.low, one.high)}</li>"
        for one in judged.gate.flaky
    )
    cases = "".join(_case(judged, result) for result in judged.report.results)
    return (
        f"<section id='{escape(judged.gate.suite)}'><h2>{escape(judged.gate.suite)}</h2>{_counts(judged.report)}"
        f"{f'<h3>Findings</h3><ul>{findings}</ul>' if findings else ''}"
        f"{f'<h3>By scorer, and what it took</h3><ul>{changed}</ul>' if changed else ''}"
        f"{f'<h3>Flaky</h3><ul>{flaky}</ul>' if flaky else ''}<h3>Cases</h3>{cases}</section>"
    )


def _counts(report: SuiteReport) -> str:
    told = ", ".join(f"{count} {verdict}" for verdict, count in report.counts.items())
    trials = f"; {line}" if (line := trials_line(report)) else ""
    return f"<p>{told}; {report.seconds:.1f} s, {report.tokens} tokens{trials}</p>"


def _case(judged: Judged, result: CaseResult) -> str:
    outcome = result.outcome
    trial = f" trial {result.trial}" if result.trial > 1 else ""
    asked = judged.inputs.get(result.case, "")
    scores = "".join(
        f"<li><b class='{score.verdict}'>{escape(score.scorer)}: {score.verdict}</b> {_said(score.reason)}"
        f"{_diff(score.detail)}</li>"
        for score in result.scores
    )
    output = to_json(outcome.output, indent=1).decode() if outcome.output is not None else ""
    return (
        f"<details class='case {result.verdict}'><summary><b class='{result.verdict}'>{result.verdict}</b> "
        f"{escape(result.case)}{trial} <i>{_said(asked[:120])}</i></summary>"
        f"<dl><dt>asked</dt><dd><pre>{_said(asked)}</pre></dd>"
        f"<dt>answered</dt><dd><pre>{_said(outcome.answer)}</pre></dd>"
        f"{f'<dt>output</dt><dd><pre>{_said(output)}</pre></dd>' if output else ''}"
        f"<dt>judged</dt><dd><ul>{scores}</ul></dd></dl>"
        f"{_timeline(outcome.trajectory) if outcome.trajectory else ''}</details>"
    )


def _timeline(trajectory: Trajectory) -> str:
    """Draw the steps one below the other, as wide as they took, indented by the arm of the fork they ran in."""
    longest = max((step.latency_ms for step in trajectory.steps), default=0) or 1
    rows = "".join(_step(number, step, longest) for number, step in enumerate(trajectory.steps, 1))
    return f"<table class='steps'><tr><th></th><th>step</th><th>arguments</th><th>ms</th></tr>{rows}</table>"


def _step(number: int, step: Step, longest: float) -> str:
    depth = sum("." in part for part in step.branch.split("/"))
    bar = f"<svg width='104' height='10'><rect width='{2 + 100 * step.latency_ms / longest:.0f}' height='10'/></svg>"
    given = json.dumps(step.arguments, ensure_ascii=False) if step.arguments else ""
    where = f" <small>{_said(step.branch, 60)}</small>" if step.branch else ""
    failed = " <b class='wrong'>failed</b>" if step.ok is False else ""
    name = f"<td class='in{min(depth, 3)}'>{_said(step.name, 120)}{where}{failed}</td>"
    return (
        f"<tr class='{step.kind}'><td>{number}</td>{name}"
        f"<td><code>{_said(given, 500)}</code></td><td>{bar} {step.latency_ms:.1f}</td></tr>"
    )
