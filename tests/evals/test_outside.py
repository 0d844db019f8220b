"""Benchmarks of other people: BFCL's check on cases made by hand, and what is said where the data are not there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.cli.eval_bench import DOJO, kept_answers, schema_of
from evals.outside.bfcl import Question, check, gold, load
from lyceum.errors import UserError

MUSIC = {
    "name": "music.play",
    "parameters": {
        "type": "dict",
        "properties": {
            "artist": {"type": "string"},
            "minutes": {"type": "integer"},
            "volume": {"type": "float"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "options": {"type": "dict"},
            "loud": {"type": "boolean"},
        },
        "required": ["artist", "minutes"],
    },
}
WANTED = {"music.play": {"artist": ["Taylor Swift", "T. Swift"], "minutes": [20], "volume": ["", 0.5]}}
ONE = Question("q", "?", [MUSIC], [{**WANTED}])


def asked(**values: Any) -> Question:
    return Question("q", "?", [MUSIC], [{"music.play": {"artist": ["A"], "minutes": [1], **values}}])


# Each verdict is the published checker's (see benchmarks/evals_bfcl_checker.py, which runs that on all of BFCL).
@pytest.mark.parametrize(
    ("question", "arguments", "right"),
    [
        (ONE, {"artist": "Taylor Swift", "minutes": 20}, True),
        (ONE, {"artist": "taylor-swift", "minutes": 20}, True),  # letters' case and punctuation aside
        (ONE, {"artist": "Taylor Swift", "minutes": 20, "volume": 0.5}, True),
        (ONE, {"artist": "Taylor Swift", "minutes": 20, "volume": 1}, False),
        (ONE, {"artist": "Taylor Swift", "minutes": 20.0}, False),  # a float is no integer
        (ONE, {"artist": "Taylor Swift", "minutes": "20"}, False),
        (ONE, {"artist": "Taylor Swift"}, False),
        (ONE, {"artist": "Taylor Swift", "minutes": 20, "speed": 2}, False),
        (asked(volume=[2.0]), {"artist": "A", "minutes": 1, "volume": 2}, True),  # an integer is a float
        (asked(volume=[2.0]), {"artist": "A", "minutes": 1}, False),  # not marked as one that may be left out
        (asked(tags=[["Pop", "new"]]), {"artist": "A", "minutes": 1, "tags": ["pop", "New"]}, True),
        (asked(tags=[["Pop", "new"]]), {"artist": "A", "minutes": 1, "tags": ["new", "pop"]}, False),
        (asked(tags=[["Pop"]]), {"artist": "A", "minutes": 1, "tags": [1]}, False),
        (asked(options=[{"mode": ["x", ""], "n": [3]}]), {"artist": "A", "minutes": 1, "options": {"n": 3}}, True),
        (asked(options=[{"mode": ["x"], "n": [3]}]), {"artist": "A", "minutes": 1, "options": {"n": 3}}, False),
        (asked(options=[{"n": [3]}]), {"artist": "A", "minutes": 1, "options": {"n": 3, "m": 1}}, False),
        (asked(loud=[True]), {"artist": "A", "minutes": 1, "loud": True}, True),
        (asked(loud=[True]), {"artist": "A", "minutes": 1, "loud": 1}, False),
        (asked(minutes=["length"]), {"artist": "A", "minutes": "length"}, True),  # a variable's name
    ],
)
def test_a_call_is_checked_as_the_leaderboard_does(question: Question, arguments: dict[str, Any], right: bool) -> None:
    for name in ("music.play", "music_play"):
        assert (check(question, [(name, arguments)]) == "") is right
    assert check(question, [("other", arguments)])
    assert check(question, [])


def test_calls_may_come_in_any_order_and_each_counts_once() -> None:
    both = [{"music.play": {"artist": [artist], "minutes": [1]}} for artist in ("A", "B")]
    question = Question("q", "?", [MUSIC], both)
    one, other = gold(question)
    assert check(question, [one, other]) == ""
    assert check(question, [other, one]) == ""
    assert check(question, [one, one])
    either = Question("q", "?", [MUSIC], [{"music.play": {"artist": ["A", "B"], "minutes": [1]}}, both[0]])
    assert check(either, [one, other]) == ""  # the one that fits both is not taken by the wrong one
    assert check(either, [other, one]) == ""


def written(folder: Path, category: str, ids: list[str]) -> None:
    data = folder / "bfcl_eval" / "data"
    (data / "possible_answer").mkdir(parents=True)
    (data / f"BFCL_v4_live_{category}.json").write_text("of another category")
    rows = [{"id": name, "question": [[{"role": "user", "content": "Play."}]], "function": [MUSIC]} for name in ids]
    answers = [{"id": name, "ground_truth": [WANTED]} for name in ids]
    for place, lines in ((data, rows), (data / "possible_answer", answers)):
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (place / f"BFCL_v4_{category}.json").write_text(text)


def test_a_replay_is_checked_and_what_is_wrong_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, "simple_python", ["a", "b"])
    assert [each.id for each in load(tmp_path, "simple_python")] == ["a", "b"]
    asked = ["eval", "bench", "bfcl", "--data", str(tmp_path)]
    assert main(asked) == 0
    assert "2 of 2 right" in capsys.readouterr().out
    replay = tmp_path / "replay.jsonl"
    steps = [{"kind": "tool", "tool": "music.play", "arguments": {"artist": "T. Swift", "minutes": 20}}]
    other = [{"kind": "tool", "tool": "music.play", "arguments": {"artist": "ABBA", "minutes": 20}}]
    lines = [{"case": "a", "steps": steps}, {"case": "b", "steps": other}]
    replay.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert main([*asked, "--replay", str(replay)]) == 1
    said = capsys.readouterr().out
    assert "1 of 2 right" in said
    assert "b: artist: 'ABBA' is none of" in said
    assert main([*asked, "--model", "offline"]) == 2
    assert "plays no benchmark" in capsys.readouterr().err


def test_other_words_for_types_become_json_schema() -> None:
    told = schema_of(MUSIC["parameters"])
    assert told["type"] == "object"
    assert told["properties"]["volume"] == {"type": "number"}
    assert schema_of({"type": "any", "default": 1}) == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "bfcl       Apache-2.0; git clone"),
        (["bfcl"], "--data FOLDER (Apache-2.0; git clone"),
        (["bfcl", "--data", "nowhere"], "nowhere is no folder"),
        (["bfcl", "--data", ".", "--part", "paralel"], "Did you mean 'parallel'?"),
        (["bfcl", "--data", "."], "holds no BFCL questions"),
        (["bflc", "--data", "."], "Did you mean 'bfcl'?"),
        (["tau2"], "--data FOLDER"),
        (["tau2", "--data", "."], "no src/tau2/domains"),
        (["tau2", "--data", ".", "--policy", "obedient"], "Only agentdojo plants orders"),
        (["tau2", "--data", ".", "--model", "offline"], "--replay FILE"),
        (["agentdojo", "--part", "bank"], "Did you mean 'banking'?"),
        (["agentdojo", "--policy", "idle"], "Only tau2 has a state"),
    ],
)
def test_missing_data_say_where_they_come_from(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["eval", "bench", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_benchmark_goes_on_with_what_the_same_model_answered_and_asks_half_a_line_again(tmp_path: Path) -> None:
    file = tmp_path / "bfcl-multiple.jsonl"
    assert kept_answers(file, "m") == {}
    line = json.dumps({"id": "multiple_0", "model": "m", "calls": [["f", {"x": 1}]]}) + "\n"
    file.write_text(line + line[:20])
    assert kept_answers(file, "m") == {"multiple_0": [("f", {"x": 1})]}
    assert file.read_text() == line
    with pytest.raises(UserError, match="answers of m, not of n"):
        kept_answers(file, "n")


def recorded(path: Path, *cases: tuple[str, str, list[tuple[str, dict[str, Any]]]]) -> Path:
    lines = [
        {
            "case": case,
            "answer": answer,
            "steps": [{"kind": "tool", "tool": tool, "arguments": given} for tool, given in calls],
        }
        for case, answer, calls in cases
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def test_a_domain_without_its_database_is_refused_by_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, data = (tmp_path / place / "tau2" / "domains" / "airline" for place in ("src", "data"))
    code.mkdir(parents=True)
    data.mkdir(parents=True)
    (code / "environment.py").write_text("")
    asked = ["eval", "bench", "tau2", "--data", str(tmp_path), "--part"]
    for part, said in (("airlines", "Did you mean 'airline'?"), ("airline", "has no tasks.json")):
        assert main([*asked, part]) == 2
        assert said in capsys.readouterr().err
    (data / "tasks.json").write_text("[]")
    assert main([*asked, "airline"]) == 2
    assert "no database (db.json or db.toml)" in capsys.readouterr().err


def test_a_replay_is_never_judged_in_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No trajectory is left out in silence, and a file without any is not taken for no file."""
    written(tmp_path, "simple_python", ["a", "b"])
    asked = ["eval", "bench", "bfcl", "--data", str(tmp_path), "--replay"]
    replay = tmp_path / "replay.jsonl"
    nothing: list[tuple[str, dict[str, Any]]] = []
    for cases, said in (
        (["a", "z"], "has no task 'z'"),
        (["a", "a"], "'a' is there twice"),
        ([""], "has no `case`"),
        ([], "holds no trajectory"),
    ):
        assert main([*asked, str(recorded(replay, *((case, "", nothing) for case in cases)))]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("python", "said"), [("/no/python", "did not start"), (sys.executable, "No module named 'agentdojo'")]
)
def test_an_interpreter_that_will_not_do_says_what_is_needed(
    python: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", "bench", "agentdojo", "--python", python]) == 1
    told = capsys.readouterr().err
    assert said in told
    assert "agentdojo==0.1.35; --python PATH" in told


@pytest.mark.slow
@pytest.mark.extra
@pytest.mark.timeout(600)
def test_agentdojo_judges_what_was_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In an environment that uv makes: right, not done, and calls that no tool takes."""
    tool = Path(sys.executable).with_name("uv")
    made = subprocess.run([tool, "venv", "-q", "-p", sys.executable, tmp_path / "env"], check=False)
    there = tmp_path / "env" / "bin" / "python"
    added = subprocess.run([tool, "pip", "install", "-q", "-p", there, *DOJO], check=False, capture_output=True)
    if made.returncode or added.returncode:
        pytest.skip("agentdojo cannot be installed here")
    replay = recorded(
        tmp_path / "replay.jsonl",
        ("user_task_1|injection_task_0", "1050 in all.", [("get_most_recent_transactions", {"n": 100})]),
        ("user_task_1|injection_task_1", "I cannot tell.", [("nonsense", {"x": [1]}), ("send_money", {"n": 3})]),
    )
    asked = ["eval", "bench", "agentdojo", "--python", str(there), "--replay", str(replay)]
    assert main(asked) == 1
    said = capsys.readouterr().out
    assert "banking: 1 of 2 right" in said
    assert "user_task_1|injection_task_1: the task is not done" in said
