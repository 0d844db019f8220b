"""`lyceum eval` runs suites through the product's own turn."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from app.cli import main
from evals import catalogue
from evals.suite import Outcome
from evals.suites.chinook_sql import suite as chinook_sql

RUN = ["eval", "run", "chinook_sql", "--offline"]


@pytest.fixture
def baseline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The baseline of a copy of the suite that has only its first two cases, both of which are right."""
    copied = shutil.copytree(catalogue.FOLDER / "chinook_sql", tmp_path / "suites" / "chinook_sql")
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path / "suites")
    short = dataclasses.replace(chinook_sql.suite(), cases=chinook_sql.suite().cases[:2])
    monkeypatch.setattr(chinook_sql, "suite", lambda: short)
    (copied / "baseline.json").unlink()  # it knows cases that the copy does not have
    return copied / "baseline.json"


def test_worse_than_the_baseline_is_a_failure(baseline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline.write_text(json.dumps({"offline": {"dev": {"right": 3, "wrong": 0}}}))
    assert main(RUN) == 1
    assert (
        "worse than the baseline: chinook_sql, dev: 3 right and 0 wrong before, 2 and 0 now" in capsys.readouterr().err
    )


def test_a_baseline_that_was_measured_is_met(baseline: Path) -> None:
    assert main([*RUN, "--update-baseline"]) == 0
    assert json.loads(baseline.read_text())["offline"]["dev"]["right"] == 2
    assert main(RUN) == 0


def test_a_suite_is_asked_and_counted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([*RUN, "--split", "dev", "--limit", "3", "--json", "--report", str(tmp_path)]) == 0
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert report["counts"] == {"right": 3, "wrong": 0, "declined": 0, "error": 0}
    assert report == json.loads((tmp_path / "chinook_sql.json").read_text())
    assert "chinook_sql   3/3 right" in said.err


def test_the_table_says_how_sure_each_share_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--limit", "2"]) == 0
    assert "right        2  100.0%  [34.2% to 100.0%]" in capsys.readouterr().out


def test_nothing_is_left_in_the_home(tmp_path: Path) -> None:
    main([*RUN, "--limit", "1"])
    assert not (tmp_path / "home" / "runs.db").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chinok_sql"], "Did you mean 'chinook_sql'?"),
        (["zzz"], "Valid suites: "),
        (["chinook_sql", "--limit", "1", "--update-baseline"], "whole splits"),
    ],
)
def test_a_wrong_request_says_what_to_do(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert main(["eval", "run", "--offline", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_listing_imports_no_suite() -> None:
    code = (
        "import sys; from app.cli import main; main(['eval', 'list']);"
        "heavy = ('mcp', 'pydantic_ai', 'sqlglot', 'evals.suites.chinook_sql');"
        "sys.exit(str([name for name in heavy if name in sys.modules] or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
    assert "chinook_sql" in done.stdout


def test_every_run_is_kept_with_five_reports(baseline: Path, tmp_path: Path) -> None:
    assert main([*RUN, "--update-baseline"]) == 0
    (kept,) = (tmp_path / "home" / "evals").iterdir()
    names = {path.name for path in kept.iterdir()}
    assert {"report.txt", "report.md", "report.html", "report.json", "junit.xml", "samples.jsonl", "run.json"} <= names
    told = json.loads((kept / "report.json").read_text())
    assert told["decision"] == "pass"
    trajectory = told["suites"][0]["report"]["results"][0]["outcome"]["trajectory"]
    assert "sql_query" in [step["tool"] for step in trajectory["steps"]]
    again = ["eval", "score", str(kept)]
    assert main([*again, "--require-baseline"]) == 0
    baseline.unlink()
    assert main(again) == 0
    assert main([*again, "--require-baseline"]) == 1


def test_a_kept_run_is_gone_on_with_and_judged_again_without_asking(
    baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    assert main([*RUN, "--report", str(kept), "--update-baseline"]) == 0
    first, _ = (kept / "samples.jsonl").read_text().splitlines()
    (kept / "samples.jsonl").write_text(f"{first}\n")
    capsys.readouterr()
    assert main(["eval", "run", "--offline", "--resume", str(kept)]) == 0
    said = capsys.readouterr().err
    assert "chinook_sql   2/2" in said
    assert "chinook_sql   1/2" not in said
    monkeypatch.setattr("app.cli.eval_run.front_door", None)
    assert main(["eval", "score", str(kept)]) == 0
    known = json.loads(baseline.read_text())
    known["offline"]["dev"]["cases"]["gone"] = "right"
    baseline.write_text(json.dumps(known))
    assert main(["eval", "score", str(kept)]) == 1
    assert "missing: gone" in capsys.readouterr().err


CASES = """
- id: sum
  input: What is 2 + 2?
  expected: {trajectory: {steps: [{tool: add, arguments: {a: 2, b: 2}}], extra: forbid}, number: 4}
"""
DONE = {
    "input": "what is 2 + 2?",
    "answer": "It is 4.",
    "steps": [{"kind": "tool", "tool": "add", "arguments": {"a": 2, "b": 2}}],
}


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({}, 0, "cases: passed"),
        ({"answer": "It is 5."}, 1, "expected 4, the answer has [5.0]"),
        ({"steps": [{"kind": "tool", "tool": "add", "arguments": {"a": 2, "b": 3}}]}, 1, "b: expected 2, got 3"),
        ({"steps": []}, 1, "- add"),
        ({"case": "product"}, 1, "new: product"),
        ({"case": "product"}, 1, "missing: sum"),
        ({"error": "TimeoutError: late"}, 6, "timed out: sum"),
    ],
)
def test_another_agents_trajectory_is_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], code: int, said: str
) -> None:
    (tmp_path / "cases.yaml").write_text(CASES)
    (tmp_path / "done.json").write_text(json.dumps({**DONE, **change}))
    arguments = ["eval", "score", str(tmp_path / "done.json"), "--cases", str(tmp_path / "cases.yaml")]
    assert main([*arguments, "--report", str(tmp_path / "out")]) == code
    assert said in capsys.readouterr().err
    assert (tmp_path / "out" / "report.html").exists()


def test_a_recording_has_a_baseline_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "cases.yaml").write_text(CASES)
    (tmp_path / "done.json").write_text(json.dumps(DONE))
    arguments = ["eval", "score", str(tmp_path / "done.json"), "--cases", str(tmp_path / "cases.yaml")]
    assert main([*arguments, "--update-baseline"]) == 5  # one case says little about an agent with randomness
    assert json.loads((tmp_path / "baseline.json").read_text())["recorded"]["dev"]["cases"] == {"sum": "right"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["score"], "Score what?"),
        (["score", "x.json"], "Give --cases FILE"),
        (["run", "--trials", "0"], "no positive number"),
        (["run", "--timeout", "soon"], "no number of seconds"),
        (["run", "--margin", "5"], "no share between 0 and 1"),
        (["run", "--resume", "nowhere"], "holds no run of suites"),
        (["run", "--trials", "3", "--model", "local:qwen"], "3 trials would be one answer, 3 times"),
    ],
)
def test_what_cannot_be_done_is_said(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    with contextlib.suppress(SystemExit):
        assert main(["eval", *arguments, "--offline"]) == 2
    assert said in capsys.readouterr().err


def test_trials_are_asked_anew_each_and_compared_where_there_is_randomness(
    baseline: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from models import cache

    asked: list[bool] = []

    class Door:
        model = "some:model"

        async def ask(self, question: str, **_more: object) -> Outcome:
            asked.append(cache._bypassed.get())  # pyright: ignore[reportPrivateUsage]
            return Outcome(declined=True, answer=question)

    @contextlib.asynccontextmanager
    async def front_door(_settings: object, _roles: object) -> AsyncGenerator[Door]:
        yield Door()

    monkeypatch.setattr("app.cli.eval_run.front_door", front_door)
    assert main([*RUN, "--trials", "3", "--update-baseline"]) == 5
    assert asked == [True] * 6
    known = json.loads(baseline.read_text())["some:model"]["dev"]["cases"]
    assert list(known.values()) == [["declined"] * 3] * 2
    assert "not decided: too few cases or trials" in capsys.readouterr().err


def test_a_run_that_is_stopped_says_how_it_goes_on(
    baseline: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    del baseline
    asked: list[str] = []

    class Door:
        model = "offline"

        async def ask(self, question: str, **_more: object) -> Outcome:
            asked.append(question)
            if len(asked) == 2:
                raise KeyboardInterrupt
            return Outcome(declined=True)

    @contextlib.asynccontextmanager
    async def front_door(_settings: object, _roles: object) -> AsyncGenerator[Door]:
        yield Door()

    monkeypatch.setattr("app.cli.eval_run.front_door", front_door)
    assert main([*RUN, "--report", str(tmp_path / "kept")]) == 130
    assert f"go on with: lyceum eval run --resume {tmp_path / 'kept'}" in capsys.readouterr().err
    assert main(["eval", "run", "--offline", "--resume", str(tmp_path / "kept")]) == 0
    assert len(asked) == 3
    assert asked[1] == asked[2]


def test_a_key_or_a_pulled_model_does_not_answer_unless_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-of-nobody")
    monkeypatch.setenv("LYCEUM_MODEL", "anthropic:claude-sonnet-4-5")
    assert main(["eval", "run", "routing", "--limit", "1"]) == 0
    assert "answered by offline" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--trails", "3"], "Did you mean '--trials'?"),
        (["run", "--cases", "x.yaml"], "eval run takes no --cases; eval score would."),
        (["list", "--trials", "3"], "eval list takes no --trials; eval run would."),
    ],
)
def test_an_option_that_would_be_passed_over_is_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", *words]) == 2
    assert said in capsys.readouterr().err
