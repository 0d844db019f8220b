"""Benchmarks of other people: BFCL's check on cases made by hand, and what is said where the data are not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.cli.eval_bench import schema_of
from evals.outside.bfcl import Question, check, gold, load

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
        (["bfcl"], "--data FOLDER"),
        (["bfcl", "--data", "."], "holds no BFCL questions"),
        (["bflc", "--data", "."], "Did you mean 'bfcl'?"),
        (["tau2"], "--data FOLDER"),
    ],
)
def test_missing_data_say_where_they_come_from(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["eval", "bench", *arguments]) == 2
    assert said in capsys.readouterr().err
