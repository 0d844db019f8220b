"""A change passes only when nothing that was right is worse, missing, new, broken or undecided."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evals.baseline import Baseline
from evals.gate import EXIT, Gate, judge, settle
from evals.stored import Manifest, NotKept, StoredRun, alone, fingerprint
from evals.suite import Case, CaseResult, Outcome, Score, Suite, run_suite
from lyceum.errors import OperatorError, UserError

Answers = Callable[[str, int], str]


class Door:
    """Answers by case and trial; every question it was asked is kept in `asked`."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def ask(self, question: str, **_more: Any) -> Outcome:
        self.asked.append(question)
        said = self._answers(question, self.asked.count(question))
        if said == "raise":
            raise ConnectionError("refused")
        if said == "sleep":
            await asyncio.sleep(5)
        return Outcome(answer=said, declined=said == "decline", seconds=0.01)


async def task(door: Door, case: Case) -> Outcome:
    return await door.ask(case.id)


def says_yes(case: Case, outcome: Outcome) -> Score:
    del case
    if outcome.answer == "break":
        raise KeyError("gold")
    verdict = "declined" if outcome.declined else "right" if outcome.answer == "yes" else "wrong"
    return Score(scorer="says_yes", value=0.0, verdict=verdict, reason=f"it said {outcome.answer}", detail="= DIFF")


def suite_of(*names: str) -> Suite:
    return Suite("s", "", tuple(Case(id=name, input=name) for name in names), task, (says_yes,))


async def gated(
    path: Path, suite: Suite, answers: Answers, *, update: bool = False, random: bool = False, **options: Any
) -> Gate:
    report = await run_suite(suite, Door(answers), **options)
    baseline = Baseline(path)
    if update:
        baseline.update("m", suite, report)
    return judge(suite, report, Baseline(path), "m", random=random)


def yes(_case: str, _trial: int) -> str:
    return "yes"


def but(case: str, said: str) -> Answers:
    return lambda asked, _trial: said if asked == case else "yes"


@pytest.fixture
async def known(tmp_path: Path) -> Path:
    path = tmp_path / "baseline.json"
    first = await gated(path, suite_of("a", "b", "c"), but("c", "no"), update=True)
    assert first.decision == "pass"
    return path


@pytest.mark.parametrize(
    ("said", "decision", "found"),
    [
        ({"c": "no"}, "pass", set[str]()),
        ({}, "pass", {"better c"}),
        ({"b": "no", "c": "no"}, "fail", {"worse b"}),
        ({"b": "decline", "c": "no"}, "fail", {"worse b"}),
        ({"b": "raise", "c": "no"}, "fail", {"worse b", "error b"}),
        ({"b": "break", "c": "no"}, "fail", {"worse b", "scorer b"}),
        ({"c": "decline"}, "pass", set[str]()),
    ],
)
async def test_a_deterministic_suite_fails_on_any_case_that_got_worse(
    known: Path, said: dict[str, str], decision: str, found: set[str]
) -> None:
    gate = await gated(known, suite_of("a", "b", "c"), lambda case, _trial: said.get(case, "yes"))
    assert gate.decision == decision
    assert {f"{each.kind} {each.case}" for each in gate.findings} == found


async def test_the_finding_says_why_and_shows_the_difference(known: Path) -> None:
    found = await gated(known, suite_of("a", "b", "c"), but("b", "no"))
    worse = next(each for each in found.findings if each.kind == "worse")
    assert (worse.case, worse.text, worse.detail) == ("b", "right before, wrong now: it said no", "= DIFF")


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (("a", "c"), {"missing b"}),
        (("a", "b", "c", "d"), {"new d"}),
        (("a", "renamed", "c"), {"missing b", "new renamed"}),
    ],
)
async def test_missing_new_and_renamed_cases_fail(known: Path, names: tuple[str, ...], kinds: set[str]) -> None:
    found = await gated(known, suite_of(*names), but("c", "no"))
    assert found.decision == "fail"
    assert {f"{each.kind} {each.case}" for each in found.findings} == kinds


async def test_an_answer_that_never_comes_is_recorded_and_fails(known: Path) -> None:
    found = await gated(known, suite_of("a", "b", "c"), but("b", "sleep"), timeout=0.05)
    assert {each.kind for each in found.findings} >= {"timed out", "worse"}
    assert EXIT[found.decision] == 1


async def test_errors_without_a_baseline_leave_it_undecided(tmp_path: Path) -> None:
    found = await gated(tmp_path / "none.json", suite_of("a"), but("a", "raise"))
    assert EXIT[found.decision] == 6
    assert "--update-baseline measures one for m" in found.findings[-1].text


async def test_a_case_that_ended_in_an_error_never_enters_a_baseline(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    await gated(path, suite_of("a", "b"), but("b", "raise"), update=True)
    assert json.loads(path.read_text())["m"]["dev"]["cases"] == {"a": "right"}
    assert (await gated(path, suite_of("a", "b"), yes)).decision == "fail"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"m": {"dev": {"rigth": 3}}}', r"m\.dev\.right: Field required"),
        ('{"m": {"dev": {"right": 1, "wrong": 0, "cases": {"a": "right", "a": "wrong"}}}}', "'a' stands there twice"),
        ('{"m": {"dev": {"right": 1, "wrong": 0, "cases": {"a": []}}}}', r"m\.dev\.cases\.a"),
        ('{"m": {"development": {"right": 1, "wrong": 0}}}', "'dev' or 'heldout'"),
        ("[]", "should be a valid dictionary"),
        ('{"m": ', "Expecting value"),
    ],
)
def test_a_damaged_baseline_is_refused_and_not_forgotten(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "baseline.json").write_text(text)
    with pytest.raises(UserError, match=rf"is no baseline: .*{said}"):
        Baseline(tmp_path / "baseline.json")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
async def test_a_baseline_is_not_lost_to_a_full_disk(known: Path) -> None:
    before = known.read_text()
    known.with_name(".baseline.json.new").symlink_to("/dev/full")
    with pytest.raises(NotKept, match="No space left on device"):
        await gated(known, suite_of("a"), yes, update=True)
    assert known.read_text() == before


async def test_cases_of_a_split_that_the_baseline_does_not_know_are_new(known: Path) -> None:
    suite = suite_of("a", "b", "c")
    wider = dataclasses.replace(suite, cases=(*suite.cases, Case(id="h", input="h", split="heldout")))
    found = await gated(known, wider, but("c", "no"))
    assert [(each.kind, each.case) for each in found.findings] == [("new", "h")]
    assert found.decision == "fail"


async def test_a_case_that_was_tried_too_seldom_is_missing(known: Path) -> None:
    suite = suite_of("a", "b", "c")
    report = await run_suite(suite, Door(but("c", "no")), trials=2)
    report = report.model_copy(update={"results": report.results[:-1]})
    found = judge(suite, report, Baseline(known), "m", random=False, trials=2)
    assert [(each.kind, each.case, each.text) for each in found.findings] == [
        ("missing", "c", "1 of 2 trials were asked")
    ]


# with randomness

MANY = [f"c{n}" for n in range(60)]


def sometimes(every: int, case: str, trial: int) -> str:
    return "no" if (int(case[1:]) * 7 + trial * 11) % every == 0 else "yes"


@pytest.fixture
async def noisy(tmp_path: Path) -> Path:
    path = tmp_path / "baseline.json"
    await gated(path, suite_of(*MANY), lambda case, trial: sometimes(9, case, trial), update=True, trials=3)
    return path


async def test_noise_is_no_regression_and_a_real_drop_is(noisy: Path) -> None:
    again = await gated(noisy, suite_of(*MANY), lambda c, t: sometimes(9, c, t + 1), random=True, trials=3)
    assert again.decision == "pass"
    assert again.flaky
    worse = await gated(noisy, suite_of(*MANY), lambda c, t: sometimes(3, c, t), random=True, trials=3)
    assert EXIT[worse.decision] == 1
    assert worse.comparison
    assert worse.comparison.high < 0


async def test_too_few_cases_are_underpowered_and_never_called_good(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    await gated(path, suite_of("a", "b", "c"), yes, update=True)
    found = await gated(path, suite_of("a", "b", "c"), yes, random=True)
    assert EXIT[found.decision] == 5
    assert found.comparison
    assert found.comparison.needed > 3


async def test_p_values_are_adjusted_for_how_many_suites_are_tested(noisy: Path) -> None:
    gates = [
        await gated(noisy, suite_of(*MANY), lambda c, t: sometimes(7, c, t), random=True, trials=3) for _ in range(2)
    ]
    alone = gates[0].p_adjusted
    settle(gates)
    assert alone
    assert gates[0].p_adjusted == pytest.approx(min(1.0, 2 * alone))


# kept, gone on with, judged again


async def test_a_kept_run_is_judged_again_without_asking_anybody(tmp_path: Path) -> None:
    suite = suite_of("a", "b")
    kept = StoredRun.create(tmp_path / "run", Manifest(model="m", suites={"s": {}}))
    await run_suite(suite, Door(but("b", "no")), progress=lambda result: kept.keep("s", result))

    def says_no(case: Case, outcome: Outcome) -> Score:
        del case
        return Score(scorer="n", value=0.0, verdict="right" if outcome.answer == "no" else "wrong")

    again = StoredRun.open(tmp_path / "run").judged(dataclasses.replace(suite, scorers=(says_no,)))
    assert [result.verdict for result in again.results] == ["wrong", "right"]


async def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    suite = suite_of("a", "b", "c")
    asked = {case.id: fingerprint(case) for case in suite.cases}
    kept = StoredRun.create(tmp_path / "run", Manifest(model="m", suites={"s": asked}))
    for name, said in (("a", "yes"), ("b", "")):
        outcome = Outcome(answer=said, error=None if said else "ConnectionError: gone")
        kept.keep("s", CaseResult(case=name, outcome=outcome, scores=[]))
    with (tmp_path / "run" / "samples.jsonl").open("a") as file:
        file.write('{"suite": "s", "result": {"case": "c", "outc')  # the machine stopped here
    again = StoredRun.open(tmp_path / "run")
    door = Door(yes)
    report = await run_suite(suite, door, done=again.done(suite))
    assert door.asked == ["b", "c"]
    assert [result.case for result in report.results] == ["a", "b", "c"]
    changed = dataclasses.replace(suite, cases=(Case(id="a", input="other words"),))
    assert again.done(changed) == {}


async def test_a_case_that_was_never_answered_is_missing_when_judged_again(tmp_path: Path) -> None:
    suite = suite_of("a", "b")
    kept = StoredRun.create(tmp_path / "run", Manifest(model="m", suites={"s": {}}))
    kept.keep("s", CaseResult(case="a", outcome=Outcome(answer="yes"), scores=[]))
    found = judge(suite, kept.judged(suite), Baseline(tmp_path / "none"), "m", random=False)
    assert next((each.kind, each.case) for each in found.findings) == ("missing", "b")
    assert found.decision == "fail"


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run of suites"):
        StoredRun.open(tmp_path)


async def test_cases_are_asked_at_once_and_told_in_their_order() -> None:
    running, most = 0, 0

    class Slow(Door):
        async def ask(self, question: str, **_more: Any) -> Outcome:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1
            return Outcome(answer="yes")

    report = await run_suite(suite_of("a", "b", "c", "d"), Slow(yes), concurrency=3)
    assert most == 3
    assert [result.case for result in report.results] == ["a", "b", "c", "d"]


async def test_what_was_wrong_in_one_way_may_not_become_wrong_in_another(tmp_path: Path) -> None:
    def is_short(case: Case, outcome: Outcome) -> Score:
        del case
        long = len(outcome.answer) > 4
        return Score(scorer="is_short", value=0.0, verdict="wrong" if long else "right", reason="it is long")

    suite = dataclasses.replace(suite_of("a", "b"), scorers=(says_yes, is_short))
    path = tmp_path / "baseline.json"
    assert (await gated(path, suite, but("a", "no"), update=True)).decision == "pass"
    assert json.loads(path.read_text())["m"]["dev"]["failing"] == {"a": ["says_yes"]}
    assert (await gated(path, suite, but("a", "hm"))).decision == "pass"  # wrong as before
    gate = await gated(path, suite, but("a", "not at all"))
    assert gate.decision == "fail"
    assert "now also by is_short: it is long" in gate.findings[0].text
    kept = json.loads(path.read_text())
    kept["m"]["dev"].pop("failing")  # an older file does not know
    path.write_text(json.dumps(kept))
    assert (await gated(path, suite, but("a", "not at all"))).decision == "pass"


def test_a_kept_run_is_opened_again_whatever_an_answer_holds(tmp_path: Path) -> None:
    kept = StoredRun.create(tmp_path / "run", Manifest(model="m", suites={"s": {}}))
    said = "one\u2028two\u0085three"
    kept.keep("s", CaseResult(case="a", outcome=Outcome(answer=said), scores=[]))
    [(_, result)] = StoredRun.open(tmp_path / "run").samples()
    assert result.outcome.answer == said


def test_a_second_run_in_one_folder_is_refused(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(OperatorError), alone(tmp_path):
        pass


def test_a_line_that_a_crash_tore_amid_a_letter_is_forgotten_and_one_amid_the_file_is_not(tmp_path: Path) -> None:
    kept = StoredRun.create(tmp_path / "run", Manifest(model="m", suites={"s": {}}))
    for name in ("a", "b"):
        kept.keep("s", CaseResult(case=name, outcome=Outcome(answer="yes"), scores=[]))
    path = tmp_path / "run" / "samples.jsonl"
    with path.open("ab") as file:
        file.write('{"suite": "ü'.encode()[:-1])
    again = StoredRun.open(tmp_path / "run")
    assert [result.case for _, result in again.samples()] == ["a", "b"]
    again.keep("s", CaseResult(case="c", outcome=Outcome(answer="yes"), scores=[]))
    assert [result.case for _, result in StoredRun.open(tmp_path / "run").samples()] == ["a", "b", "c"]
    first, _, third = path.read_text().splitlines()
    path.write_text(f"{first}\n{{\n{third}\n")
    with pytest.raises(UserError, match=r"samples\.jsonl:2 is damaged"):
        StoredRun.open(tmp_path / "run")


def test_what_is_asked_has_a_hash_and_what_is_expected_has_none() -> None:
    case = Case(id="a", input="q", expected={"turns": [{"say": "x", "expected": {"answer": "1"}}], "answer": "2"})

    def with_(**expected: Any) -> str:
        return fingerprint(case.model_copy(update={"expected": {**case.expected, **expected}}))

    assert with_(answer="3") == fingerprint(case)
    assert with_(turns=[{"say": "x", "expected": {"answer": "other"}}]) == fingerprint(case)
    assert with_(turns=[{"say": "y", "expected": {"answer": "1"}}]) != fingerprint(case)
    assert with_(persona={"opening": "hello"}) != fingerprint(case)
    assert with_(files={"a.py": "1"}) != fingerprint(case)
    assert fingerprint(case.model_copy(update={"tags": ["attach:a.md"]})) != fingerprint(case)
