from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from evals.suite import Case, Outcome, Score, Suite, load_cases, run_suite
from lyceum.errors import UserError


class Echo:
    async def ask(self, question: str, *, attach: Sequence[Path] = (), agent: str | None = None) -> Outcome:
        if question == "crash":
            raise ValueError("no such thing")
        return Outcome(answer=question, declined=question == "decline", tokens=3)


async def answer(front_door: Echo, case: Case) -> Outcome:
    return await front_door.ask(case.input)


def says_yes(case: Case, outcome: Outcome) -> Score:
    if case.input == "break the scorer":
        raise KeyError("gold")
    verdict = "declined" if outcome.declined else "right" if outcome.answer == "yes" else "wrong"
    return Score(scorer="says_yes", value=float(verdict == "right"), verdict=verdict)


def suite(*inputs: str) -> Suite:
    return Suite("echo", "", tuple(Case(id=text, input=text) for text in inputs), answer, (says_yes,))


async def test_every_verdict_is_counted_and_a_crashing_case_does_not_stop_the_rest():
    report = await run_suite(suite("crash", "yes", "no", "decline"), Echo())
    assert report.counts == {"right": 1, "wrong": 1, "declined": 1, "error": 1}
    assert report.tokens == 9
    assert report.results[0].outcome.error == "ValueError: no such thing"
    assert '"counts":{"right":1' in report.model_dump_json()


async def test_a_scorer_that_raises_is_an_error_and_not_a_zero():
    report = await run_suite(suite("break the scorer"), Echo())
    assert report.results[0].scores[0].verdict == "error"
    assert report.counts["error"] == 1


async def test_split_and_limit_choose_the_cases_and_progress_sees_each():
    seen: list[str] = []
    cases = (*suite("a", "b", "c").cases, Case(id="d", input="d", split="heldout"))
    whole = Suite("echo", "", cases, answer, (says_yes,))
    await run_suite(whole, Echo(), split="dev", limit=2, progress=lambda result: seen.append(result.case))
    assert seen == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- {id: a, input: x}\n- {id: a, input: y}\n", r"cases.yaml:2: the id 'a' is used twice"),
        ("- {id: a, input: x, exspected: {}}\n", r"cases.yaml:1: exspected: Extra"),
        ("- {id: a}\n", r"cases.yaml:1: input: Field required"),
        ("id: a\n", "no list of cases"),
        ("- [a\n", "is not YAML"),
    ],
)
def test_a_wrong_case_file_is_refused_with_its_line(tmp_path: Path, text: str, complaint: str):
    file = tmp_path / "cases.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=complaint):
        load_cases(file)


def test_a_missing_case_file_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"nowhere\.yaml cannot be read"):
        load_cases(tmp_path / "nowhere.yaml")
