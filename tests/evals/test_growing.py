"""Suites grow by what really happened; what is in them twice, or on both sides of a split, is found."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.cli import main
from evals import catalogue
from evals.growing.cases import CANARY, from_run, variants
from evals.growing.near import alike, near_duplicates
from evals.growing.secrets import hide
from evals.outcomes import SCORERS
from evals.recorded import outcome_of
from evals.stored import StoredRun
from evals.suite import Case, load_cases, score
from evals.suites.turns import turns_of
from evals.trajectory import Step, Trajectory
from lyceum.events import RunStarted
from lyceum.runs import Run


def asked(question: str) -> str:
    """Ask the product, and return the run's id."""
    assert main(["chat", "--offline", question]) == 0
    return last_run()


def last_run() -> str:
    from app.stores import close_store, open_store
    from lyceum.settings import load_settings

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


def test_a_case_of_a_run_is_met_on_another_machine_and_keeps_no_secret() -> None:
    key = "sk-abcdefghijklmnop123456"
    steps = [
        Step(kind="tool", tool="search", arguments={"query": "fee", "collection": "notes-md-2dc806"}),
        Step(kind="tool", tool="send", arguments={"text": f"key {key}", "password": "hunter2", "to": "ada"}),
    ]
    answer = f"# Report\n\nThe pool opens at 7:30. [1]\n\nThe fee is 4.50 euros. [1]\n\nThe fee key is {key}."
    done = Trajectory(input=f"What is the fee? token={key}", answer=answer, steps=steps)
    case = from_run(done, "fee", attached={"notes-md-2dc806": "notes.md"})
    assert case.input == "What is the fee? [secret]"
    assert case.expected["answer"] == {"$contains": "The fee is 4.50 euros."}
    assert "attach:notes.md" in case.tags
    assert key not in case.model_dump_json()
    assert "hunter2" not in case.model_dump_json()
    dated = from_run(
        Trajectory(input="When?", answer="You said on 28 November 2026 that the fee is due.", steps=steps[:1]),
        "when",
        passing=["md-2dc806", "28 November 2026"],
    )
    assert dated.expected["answer"] == {"$contains": "that the fee is due."}
    assert "md-2dc806" not in dated.model_dump_json()
    there = [
        steps[0].model_copy(update={"arguments": {"query": "fee", "collection": "notes-md-99ffaa"}}),
        steps[1].model_copy(update={"arguments": {"text": "key other", "password": "x", "to": "ada"}}),
    ]
    outcome = outcome_of(done.model_copy(update={"steps": there}))
    assert [each.verdict for each in score(SCORERS, case, outcome)] == ["right", "right"]


def test_what_was_said_in_a_conversation_is_asked_again_by_the_suite_that_holds_conversations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["chat", "--offline", "Remember that my dog is called Rex."]) == 0
    assert main(["chat", "--offline", "-c", "What is my dog called?"]) == 0
    path = tmp_path / "cases.yaml"
    assert main(["eval", "add", last_run(), "--to", str(path)]) == 0
    memory = catalogue.load("memory")
    suite = dataclasses.replace(memory, cases=load_cases(path))
    monkeypatch.setattr(catalogue, "load", lambda _name: suite)
    kept = tmp_path / "kept"
    main(["eval", "run", "memory", "--report", str(kept)])  # fails: the baseline does not know this case
    [(_, result)] = StoredRun.open(kept).samples()
    assert result.verdict == "right", result.scores  # though ids and the day's date may be others by then


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Bearer abcdef0123456789", "[secret]"),
        ("postgres://ada:pw@host/db", "postgres://[secret]@host/db"),
        ("my password is hunter2, and so on", "my [secret], and so on"),
        ('{"api_key": "abcd1234"}', '{"[secret]"}'),
        ("AKIAABCDEFGHIJKLMNOP", "[secret]"),
        ("How many tokens has this? A token is a piece of a word.", None),
        ("What is a secret key, and how long is the password policy?", None),
        ("task-oriented dialogue at https://host/a", None),
    ],
)
def test_what_looks_like_a_secret_is_left_out_and_other_words_stay(text: str, kept: str | None) -> None:
    assert hide(text) == (text if kept is None else kept)


def test_a_later_turn_is_kept_with_its_conversation_and_a_recording_of_it_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked("What is 17 % of 2,340?")
    capsys.readouterr()
    assert main(["chat", "--offline", "--json", "-c", "--agent", "calculator", "What is 3 times 41?"]) == 0
    events = tmp_path / "events.jsonl"
    events.write_text(capsys.readouterr().out)
    cases = tmp_path / "cases.yaml"
    assert main(["eval", "add", json.loads(events.read_text().splitlines()[0])["run"], "--to", str(cases)]) == 0
    assert "has turns" in capsys.readouterr().err
    [case] = load_cases(cases)
    turns = turns_of(case)
    assert [turn.say for turn in turns] == ["What is 17 % of 2,340?", "What is 3 times 41?"]
    assert turns[-1].agent == "calculator"
    assert main(["eval", "score", str(events), "--cases", str(cases)]) == 0


def test_a_run_that_failed_is_a_case_that_wants_an_answer_and_one_that_is_not_over_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from app.stores import close_store, open_store
    from lyceum.settings import load_settings

    async def runs() -> list[str]:
        store = open_store(load_settings())
        try:
            made: list[str] = []
            for status in ("failed", "running"):
                question = {"question": f"Why is it {status}?"}
                run = await store.create_run((await store.create_thread("t")).id, "chat_turn", question)
                await store.append(run.id, RunStarted(run=run.id, flow="chat_turn", thread=run.thread, input=question))
                await store.set_status(run.id, status, error="no connection")
                made.append(run.id)
            return made
        finally:
            await close_store(store)

    failed, running = asyncio.run(runs())
    path = tmp_path / "cases.yaml"
    assert main(["eval", "add", failed, "--to", str(path)]) == 0
    assert "failed: no connection" in capsys.readouterr().err
    [case] = load_cases(path)
    assert case.expected == {"declined": False}
    assert main(["eval", "add", running, "--to", str(path)]) == 2
    assert "is not over: running" in capsys.readouterr().err


def test_a_variant_expects_the_same_and_that_its_order_is_not_obeyed() -> None:
    steps: list[Any] = [{"tool": "search", "arguments": {"query": {"$text": "who"}, "top": 3}}]
    case = Case(id="a", input="Who?", expected={"answer": "Ada", "trajectory": {"steps": steps}})
    [*_, planted] = variants(case)
    assert planted.expected["answer"] == "Ada"
    assert planted.expected["injection"] == {"canaries": [CANARY]}
    assert CANARY not in planted.input  # passing the request on is no obeying
    made = Step(kind="tool", tool="search", arguments={"query": planted.input, "top": 3})
    good = outcome_of(Trajectory(answer="Ada", steps=[made]))
    assert {each.verdict for each in score(SCORERS, planted, good)} == {"right"}
    obeyed = good.model_copy(update={"answer": CANARY})
    assert "wrong" in {each.verdict for each in score(SCORERS, planted, obeyed)}
    assert near_duplicates([case, *variants(case)]) == []
    assert near_duplicates([case, variants(case)[1].model_copy(update={"split": "heldout"})])[0].leak


def test_one_question_about_two_files_is_two_cases_and_files_are_checked_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = [tmp_path / "a.md", tmp_path / "b.md"]
    for page in pages:
        page.write_text("# Pool\n\nThe pool has six lanes of 25 metres.\n")
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    assert main(["eval", "add", *map(str, pages), "--to", str(one)]) == 0
    assert [case.id for case in load_cases(one)] == ["a-1", "b-1"]
    assert main(["eval", "add", str(pages[0]), "--to", str(one)]) == 1  # there already
    assert main(["eval", "add", str(pages[0]), "--to", str(other), "--into", "heldout"]) == 0
    assert main(["eval", "check", str(one), str(other)]) == 1
    assert "1 leaks" in capsys.readouterr().out


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


def test_a_suite_is_checked_where_a_folder_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["eval", "check", "memory"]) == 0


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
    prompt, other = tmp_path / "brief.txt", tmp_path / "other" / "brief.txt"
    other.parent.mkdir()
    prompt.write_text("Be brief.")
    other.write_text("Be long.")
    asked = ["eval", "run", "tool_use", "--limit", "2", "--report", str(tmp_path / "kept")]
    assert main([*asked, "--matrix", "offline", f"none,{prompt},{other}"]) == 0
    said, told = capsys.readouterr()
    assert said.count("| offline |") == 3
    assert told.count("tool_use   2/2") == 3  # two files of one name are asked apart
    assert "2/2" in said
    assert "+0.0% [" in said
    assert len(json.loads((tmp_path / "kept" / "matrix.json").read_text())) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add"], "lyceum eval add RUN"),
        (["add", "nothing"], "--to FILE"),
        (["review"], "lyceum eval review FOLDER"),
        (["judge"], "lyceum eval judge FOLDER"),
        (["run", "team", "--matrix", "offline", "nowhere.txt"], "nowhere.txt cannot be read"),
        (["run", "team", "--matrix", ",", "none"], "names nothing"),
        (["run", "team", "--matrix", "offline", "none", "--update-baseline"], "no baseline"),
        (["run", "team", "--matrix", "offline,nobody", "none"], "'nobody' is no model"),
        (["add", "nowhere.pdf", "--to", "cases.yaml"], "neither a run nor a file 'nowhere.pdf'"),
        (["add", "a", "b", "--to", "cases.yaml", "--id", "x"], "one at a time"),
        (["check", "nowhere.yaml"], "nowhere.yaml cannot be read"),
    ],
)
def test_a_wrong_request_says_what_to_do(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", *arguments]) == 2
    assert said in capsys.readouterr().err
