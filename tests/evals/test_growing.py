"""Suites grow by what really happened; what is in them twice, or on both sides of a split, is found."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.cli import main
from evals import catalogue
from evals.growing.cases import CANARY, from_document, variants
from evals.growing.near import alike, near_duplicates
from evals.suite import Case, load_cases
from lyceum.runs import Run


def asked(question: str) -> str:
    """Ask the product, and return the run's id."""
    from app.stores import close_store, open_store
    from lyceum.settings import load_settings

    assert main(["chat", "--offline", question]) == 0

    async def last() -> Run:
        store = open_store(load_settings())
        try:
            return (await store.runs())[0]
        finally:
            await close_store(store)

    return asyncio.run(last()).id


def test_a_run_becomes_a_case_that_it_meets_and_a_changed_call_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = asked("What is 17 % of 2,340?")
    cases = tmp_path / "cases.yaml"
    assert main(["eval", "add", run, "--to", str(cases), "--id", "percent", "--adversarial"]) == 0
    first, *more = load_cases(cases)
    assert first.input == "What is 17 % of 2,340?"
    assert [case.id for case in more] == ["percent-polite", "percent-noisy", "percent-planted"]
    capsys.readouterr()
    assert main(["chat", "--offline", "--json", "What is 17 % of 2,340?"]) == 0
    events = tmp_path / "events.jsonl"
    events.write_text(capsys.readouterr().out)
    one = tmp_path / "one.yaml"
    one.write_text(yaml.safe_dump([first.model_dump(mode="json")]))
    assert main(["eval", "score", str(events), "--cases", str(one)]) == 0
    events.write_text(events.read_text().replace("17 %", "71 %"))
    assert main(["eval", "score", str(events), "--cases", str(one)]) == 1
    # the same again is left out, and said where it would leak
    capsys.readouterr()
    assert main(["eval", "add", run, "--to", str(cases), "--id", "again", "--into", "heldout"]) == 1
    assert "it would leak" in capsys.readouterr().err
    assert len(load_cases(cases)) == 4


def test_documents_become_questions_whose_answers_are_in_their_passages(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Pool\n\nThe pool has six lanes of 25 metres.\n\n# Nothing\n\nWe are open to all.\n")
    [case] = from_document(page)
    wanted = case.expected["answer"]
    assert isinstance(wanted, dict)
    assert str(wanted["$contains"]) in page.read_text()
    assert str(wanted["$contains"]) not in case.input
    assert any(tag.startswith("passage:The pool has six") for tag in case.tags)


def test_a_variant_expects_the_same_and_that_its_order_is_not_obeyed() -> None:
    [*_, planted] = variants(Case(id="a", input="Who?", expected={"answer": "Ada"}))
    assert planted.expected["answer"] == "Ada"
    assert planted.expected["injection"] == {"canaries": [CANARY]}
    assert CANARY in planted.input


def test_a_leak_between_the_splits_fails_the_check_and_another_number_is_another_question(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cases.yaml"
    cases = [
        {"id": "a", "input": "How many customers live in Brazil?", "split": "dev"},
        {"id": "b", "input": "how many customers live in Brazil ?", "split": "heldout"},
        {"id": "c", "input": "What is 17 % of 2,340?", "split": "dev"},
        {"id": "d", "input": "What is 18 % of 2,340?", "split": "heldout"},
    ]
    path.write_text(json.dumps(cases))
    assert main(["eval", "check", str(path)]) == 1
    said = capsys.readouterr().out
    assert "1 near duplicates, 1 leaks" in said
    assert "a and b (100% alike)" in said
    path.write_text(json.dumps(cases[:1] + cases[2:]))
    assert main(["eval", "check", str(path)]) == 0


def test_our_own_suites_leak_nothing() -> None:
    for name in catalogue.cards():
        assert [each.text for each in near_duplicates(catalogue.load(name).cases) if each.leak] == [], name


@given(st.lists(st.text("abc de1", min_size=1, max_size=30), min_size=2, max_size=8))
def test_no_pair_that_is_alike_is_missed(texts: list[str]) -> None:
    cases = [Case(id=str(n), input=text) for n, text in enumerate(texts)]
    found = {(near.one.id, near.other.id) for near in near_duplicates(cases)}
    pairs = [(one, other) for n, one in enumerate(cases) for other in cases[n + 1 :]]
    assert found == {(one.id, other.id) for one, other in pairs if alike(one.input, other.input) >= 0.8}


@pytest.mark.slow
def test_a_matrix_asks_every_model_with_every_prompt_and_shows_one_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompt = tmp_path / "brief.txt"
    prompt.write_text("Be brief.")
    asked = ["eval", "run", "tool_use", "--limit", "2", "--report", str(tmp_path / "kept")]
    assert main([*asked, "--matrix", "offline", f"none,{prompt}"]) == 0
    said = capsys.readouterr().out
    assert said.count("| offline |") == 2
    assert "2/2" in said
    assert "+0.0% [" in said
    assert len(json.loads((tmp_path / "kept" / "matrix.json").read_text())) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add"], "lyceum eval add RUN"),
        (["add", "nothing"], "--to FILE"),
        (["review"], "lyceum eval review FOLDER"),
        (["judge"], "lyceum eval judge FOLDER"),
        (["run", "team", "--matrix", "offline", "nowhere.txt"], "nowhere.txt cannot be read"),
    ],
)
def test_a_wrong_request_says_what_to_do(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", *arguments]) == 2
    assert said in capsys.readouterr().err
