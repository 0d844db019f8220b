"""One run is told five ways, and nothing that an agent said can act in any of them."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from evals.gate import Decision, Finding, Gate
from evals.reports.data import data
from evals.reports.junit import junit
from evals.reports.markdown import markdown
from evals.reports.page import page
from evals.reports.text import text
from evals.reports.told import Judged, Told
from evals.statistics import Flaky, compare
from evals.suite import CaseResult, Outcome, Score, SuiteReport, storable
from evals.trajectory import Step, Trajectory

EVIL = (
    "</pre><script>alert(1)</script><img src=x onerror=alert(2)> ![x](https://evil.example/x) @all `a` \x00\x1b[2J ]]>"
)


def result(case: str, verdict: str, said: str = "fine") -> CaseResult:
    steps = [Step(kind="tool", tool=said, arguments={"q": said}, latency_ms=3, branch="f.0", ok=False)]
    outcome = Outcome(answer=said, output={"x": said}, seconds=1, tokens=5, trajectory=Trajectory(steps=steps))
    score = Score.model_validate({"scorer": "s", "value": 0, "verdict": verdict, "reason": said, "detail": said})
    return CaseResult(case=case, outcome=outcome, scores=[score])


def told(decision: Decision = "fail") -> Told:
    results = [result("a", "right"), result("b", "wrong", EVIL), result("c", "wrong"), result("d", "error", "refused")]
    sides = [{str(n): [float(n % 5 > 0)] for n in range(30)}, {str(n): [float(n % 3 > 0)] for n in range(30)}]
    gate = Gate(
        "suite",
        decision,
        [Finding("worse", "b", f"right before, wrong now: {EVIL}", EVIL), Finding("missing", "gone", "was renamed?")],
        comparison=compare(*sides),
        flaky=[Flaky("a", 1, 2, 0.1, 0.9)],
    )
    return Told(
        "offline", decision, [Judged(SuiteReport(suite="suite", split=None, results=results), gate, {"b": EVIL})]
    )


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_asks_nobody_for_anything_and_runs_only_its_own_script() -> None:
    html = page(told())
    tags = Tags(html).found
    assert [tag for tag, _ in tags].count("script") == 1
    assert "img" not in [tag for tag, _ in tags]
    assert not [
        name for _, attributes in tags for name in attributes if name in ("src", "style") or name.startswith("on")
    ]
    assert {attributes["href"] for tag, attributes in tags if tag == "a"} == {"#suite"}
    assert any(a.get("name") == "viewport" for _, a in tags)  # else a telephone shows it as small as a poster
    policy = next(a["content"] for tag, a in tags if tag == "meta" and "http-equiv" in a)
    assert str(policy).startswith("default-src 'none'")
    assert "url(" not in html
    assert "@import" not in html


def test_the_page_shows_cases_timelines_differences_and_intervals() -> None:
    html = page(told())
    for part in (
        "class='case wrong'",
        "class='steps'",
        "<svg",
        "95 % interval",
        "class='axis margin'",
        "&lt;script&gt;",
        "was renamed?",
    ):
        assert part in html


def test_a_comment_cannot_hold_a_link_a_picture_or_a_mention() -> None:
    comment = markdown(told())
    assert comment.startswith("## ❌ Evals failed")
    assert "| suite | ❌ | 1 of 4 | 4.6% to 69.9% | 2 | 0 | 1 |" in comment
    assert "<script" not in comment
    assert "<img" not in comment
    assert "](" not in comment
    assert "https://evil" not in comment
    assert "@all" not in comment


def test_junit_says_which_cases_fail_the_change_and_which_were_known() -> None:
    root = ElementTree.fromstring(junit(told()))
    cases = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert cases == {
        "a": [],
        "b": ["failure"],
        "c": ["skipped"],
        "d": ["error"],
        "gone": ["failure"],
        "gate": ["failure"],
    }
    (suite,) = root.iter("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "6",
        "3",
        "1",
        "1",
    )


@pytest.mark.parametrize(
    ("decision", "words"), [("pass", "passed"), ("fail", "failed"), ("underpowered", "too few cases or trials")]
)
def test_every_report_leads_to_the_same_verdict(decision: Decision, words: str) -> None:
    whole = told(decision)
    for render in (text, markdown, page):
        assert words in render(whole)
    assert json.loads(data(whole))["decision"] == decision
    gate = next(c for c in ElementTree.fromstring(junit(whole)).iter("testcase") if c.get("name") == "gate")
    assert bool(len(gate)) == (decision != "pass")


def test_the_terminal_shows_counts_the_comparison_and_the_difference() -> None:
    shown = text(told())
    assert re.search(r"right +1 +25\.0%  \[4\.6% to 69\.9%\]", shown)
    assert "80.0% before, 66.7% now over 30 cases" in shown
    assert "worse: b: right before, wrong now" in shown
    assert "flaky: a passed 1 of 2 [10% to 90%]" in shown


def test_half_a_character_breaks_no_report() -> None:
    half = "\ud83d"
    step = Step(kind="tool", tool=half, arguments={half: [half]})
    whole = storable(Outcome(answer=f"a{half}", output={"x": half}, trajectory=Trajectory(steps=[step])))
    assert (whole.answer, whole.output) == ("a?", {"x": "?"})
    report = SuiteReport(suite="s", split=None, results=[CaseResult(case="a", outcome=whole, scores=[])])
    read = Told("offline", "pass", [Judged(report, Gate("s", "pass"))])
    for render in (text, junit, markdown, page, data):
        render(read).encode()


def test_a_comment_stays_within_what_github_takes_however_many_suites_and_flaky_cases() -> None:
    flaky = [Flaky("@" * 300, 1, 2, 0.1, 0.9)] * 40
    found = [Finding("worse", "b", "<" * 300, "`" * 3000)] * 60
    empty = SuiteReport(suite="s", split=None, results=[])
    comment = markdown(Told("m", "fail", [Judged(empty, Gate(f"s{n}", "fail", found, flaky=flaky)) for n in range(40)]))
    assert 40_000 < len(comment) < 65_536
    assert comment.count("<details") == comment.count("</details>") > 0
    assert "No room was left here for what was found in" in comment


def test_a_long_text_is_shown_by_its_beginning_and_held_whole_by_the_data_alone() -> None:
    whole = told()
    whole.suites[0].report.results[1] = result("b", "wrong", "y" * 500_000)
    whole.suites[0].gate.findings[0] = Finding("worse", "b", "y" * 500_000, "y" * 500_000)
    for render in (text, junit, markdown, page):
        assert len(render(whole)) < 100_000
        assert "y" * 250 in render(whole)
        assert "y" * 5_000 not in render(whole)
    assert "y" * 500_000 in data(whole)


def test_nothing_that_turns_or_moves_what_is_read_reaches_a_report() -> None:
    whole = told()
    whole.suites[0].report.results[1] = result("b", "wrong", "a\x1b[2Jb\u202ec\u2028d\x9be")
    whole.suites[0].gate.findings[0] = Finding("worse", "b", "a\x1b[2Jb\u202ec", "d\u2028e")
    for render in (text, junit, markdown, page):
        assert not set("\x1b\u202e\u2028\x9b") & set(render(whole))
    ElementTree.fromstring(junit(whole))


def test_several_trials_are_told_by_one_of_them_and_all_of_them() -> None:
    whole = told()
    results = [result(case, verdict).model_copy(update={"trial": trial}) for case, trial, verdict in
               [("a", 1, "right"), ("a", 2, "wrong"), ("b", 1, "right"), ("b", 2, "right")]]  # fmt: skip
    whole.suites[0].report.results[:] = results
    for render in (text, page):
        assert "pass@2" in render(whole)
    assert json.loads(data(whole))["suites"][0]["trials"] == {"k": 2, "pass_at": 1.0, "pass_all": 0.5}
