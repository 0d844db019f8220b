"""JUnit XML, which every CI system reads: a test suite a suite, a test case a trial, and one for the gate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from evals.gate import Gate
from evals.reports.told import WORDS, Judged, Told, shown, statistics_line
from evals.suite import CaseResult

# XML 1.0 has no place for these, not even escaped.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(told: Told) -> str:
    """Return the XML. Failed are the cases that the gate holds against the change, not all that are wrong:
    the others that are not right, as those that never were, are reported as skipped, with the reason.
    """
    suites = [_suite(judged) for judged in told.suites]
    return "\n".join(
        ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites name="lyceum eval">', *suites, "</testsuites>", ""]
    )


def _suite(judged: Judged) -> str:
    against = {
        finding.case: finding for finding in judged.gate.findings if finding.kind not in ("better", "no baseline")
    }
    cases = [_case(judged, result, against) for result in judged.report.results]
    unasked = [
        _failed(judged.gate.suite, case, finding.kind, finding.text, "")
        for case, finding in against.items()
        if case and not any(result.case == case for result in judged.report.results)
    ]
    gate = _gate(judged.gate)
    body = [*cases, *unasked, gate]
    told = {
        "name": judged.gate.suite,
        "tests": str(len(body)),
        "failures": str(sum("<failure" in each for each in body)),
        "errors": str(sum("<error" in each for each in body)),
        "skipped": str(sum("<skipped" in each for each in body)),
        "time": f"{judged.report.seconds:.3f}",
    }
    attributes = " ".join(f"{name}={_quoted(value)}" for name, value in told.items())
    return f"<testsuite {attributes}>\n" + "\n".join(body) + "\n</testsuite>"


def _case(judged: Judged, result: CaseResult, against: Mapping[str, object]) -> str:
    name = result.case if result.trial == 1 else f"{result.case} (trial {result.trial})"
    reason = "; ".join(score.reason for score in result.scores if score.verdict != "right" and score.reason)
    detail = "\n".join(score.detail for score in result.scores if score.detail)
    if result.verdict == "error":
        return _failed(judged.gate.suite, name, "error", reason, detail, "error", result.outcome.seconds)
    if result.case in against and result.verdict != "right":
        return _failed(judged.gate.suite, name, result.verdict, reason, detail, "failure", result.outcome.seconds)
    if result.verdict == "right":
        return f"<testcase {_names(judged.gate.suite, name, result.outcome.seconds)}/>"
    # Not by itself: the baseline knows it, or there is none, or only the rate over all cases counts.
    known = _quoted(f"{result.verdict}, not held against the change: {reason}")
    return f"<testcase {_names(judged.gate.suite, name, result.outcome.seconds)}><skipped message={known}/></testcase>"


def _gate(gate: Gate) -> str:
    if gate.decision == "pass":
        return f"<testcase {_names(gate.suite, 'gate', 0)}/>"
    said = [f"{finding.kind}: {finding.case} {shown(finding.text, 300)}" for finding in gate.findings]
    return _failed(gate.suite, "gate", gate.decision, WORDS[gate.decision], "\n".join([statistics_line(gate), *said]))


def _failed(
    suite: str, name: str, kind: str, message: str, detail: str, tag: str = "failure", seconds: float = 0
) -> str:
    body = f"<{tag} type={_quoted(kind)} message={_quoted(message)}>{escape(_clean(detail))}</{tag}>"
    return f"<testcase {_names(suite, name, seconds)}>{body}</testcase>"


def _names(suite: str, name: str, seconds: float) -> str:
    return f'classname={_quoted(f"evals.{suite}")} name={_quoted(name)} time="{seconds:.3f}"'


def _quoted(text: str) -> str:
    return quoteattr(_clean(text), {"\n": "&#10;"})


def _clean(text: str) -> str:
    text = shown(text)
    return _UNPRINTABLE.sub("�", text)
