"""A provider that fails: who acts and what to do is said, nothing of its text is, and the thread goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mcp_servers.providers.practice.said import Call, Says

pytestmark = pytest.mark.usefixtures("keys")

QUESTION = "How many tracks are there?"
OWN = "openai-compatible:stand-in"
CLAUDE = "anthropic:claude-sonnet-5-5"
SECRET = "sk-planted-4242-never-to-be-seen"  # the key that the fixtures set


def openai(text: str, code: str | None = None) -> dict[str, Any]:
    return {
        "error": {"message": f"{text}; you sent Bearer {SECRET}", "type": "some_error", "param": None, "code": code}
    }


def anthropic(text: str, kind: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": f"{text}; you sent x-api-key {SECRET}"}}


def assert_unseen(home: Path, said: Any) -> None:
    """The planted key is nowhere: not on the terminal, not in the run store, not in a log."""
    assert SECRET not in json.dumps(said.events) + said.err
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.name == "runs.db" for path in kept)
    assert not [path for path in kept if SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("model", "fault", "code", "message", "step"),
    [
        (OWN, {"status": 401, "body": openai("Incorrect API key")}, 1, "refused the key (HTTP 401)", "Set a valid key"),
        (CLAUDE, {"status": 404, "body": anthropic("model: x", "not_found_error")}, 1, "knows no model", "--model"),
        (
            OWN,
            {"status": 400, "body": openai("bad", "context_length_exceeded")},
            4,
            "longer than",
            "Start a new thread",
        ),
        (OWN, {"status": 400, "body": openai("nonsense")}, 1, "rejected the request (HTTP 400)", "another model"),
        (OWN, {"status": 429, "body": openai("pay", "insufficient_quota")}, 1, "no credit left", "Top it up"),
        (
            OWN,
            {"status": 429, "body": openai("slow"), "headers": {"retry-after": "3600"}},
            1,
            "asks to wait 3600 s",
            "lyceum chat -c",
        ),
    ],
)
def test_what_trying_again_cannot_mend_is_told_at_once(
    chat: Any,
    provider: Any,
    fault: dict[str, Any],
    tmp_path: Path,
    model: str,
    code: int,
    message: str,
    step: str,
) -> None:
    provider.fail(**fault)
    said = chat(QUESTION, "--model", model)
    assert (said.code, len(provider.asked)) == (code, 1), said.err
    [finished] = said.of("run_finished")
    assert message in finished["error"]
    assert step in finished["next_step"]
    assert message in said.err
    assert_unseen(tmp_path, said)


@pytest.mark.parametrize(
    ("model", "fault", "why"),
    [
        (OWN, {"status": 429, "body": openai("slow down"), "headers": {"retry-after": "1"}}, "asks to wait 1 s"),
        (OWN, {"status": 500, "body": openai("oops")}, "failed (HTTP 500)"),
        (CLAUDE, {"status": 529, "body": anthropic("Overloaded", "overloaded_error")}, "failed (HTTP 529)"),
    ],
)
def test_what_may_pass_is_tried_again_and_told(
    chat: Any, provider: Any, tmp_path: Path, model: str, fault: dict[str, Any], why: str
) -> None:
    provider.fail(**fault)
    said = chat(QUESTION, "--model", model)
    assert (said.code, len(provider.asked)) == (0, 3), said.err
    [note] = said.of("note")
    assert why in note["text"]
    assert "Trying again in" in note["text"]
    assert_unseen(tmp_path, said)


@pytest.mark.parametrize(
    ("model", "fault", "message"),
    [
        (OWN, {"status": 500, "body": openai("oops")}, "failed (HTTP 500)"),
        (OWN, {"broken": f'{{"id": {SECRET}'}, "sent an answer that cannot be read"),
        (CLAUDE, {"hang": 1.5}, "did not answer in time"),
    ],
)
def test_after_three_tries_the_turn_ends_and_says_what_to_do(
    chat: Any,
    provider: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    fault: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.setenv("LYCEUM_PROVIDER__TIMEOUT", "0.3")
    provider.fail(**fault, times=3)
    said = chat(QUESTION, "--model", model)
    assert (said.code, len(provider.asked)) == (1, 3), said.err
    [finished] = said.of("run_finished")
    assert message in finished["error"]
    assert "lyceum chat -c" in finished["next_step"]
    assert_unseen(tmp_path, said)


@pytest.mark.parametrize("model", [OWN, CLAUDE, "openai:gpt-6-luna"])
def test_a_provider_that_dies_in_mid_stream_loses_nothing_and_the_thread_goes_on(
    chat: Any, provider: Any, tmp_path: Path, model: str
) -> None:
    provider.fail()  # nothing wrong with the first request
    provider.fail(dies=True)
    said = chat(QUESTION, "--model", model)
    assert (said.code, len(provider.asked)) == (1, 2), said.err
    [finished] = said.of("run_finished")
    assert "broke off in mid-answer" in finished["error"]
    assert "lyceum chat -c" in finished["next_step"]
    [partial] = said.of("answered")
    assert "Every row of the table" in partial["text"]
    again = chat("And now?", "-c", "--model", model)
    assert again.code == 0, again.err
    assert "Every row of the table" in json.dumps(provider.asked[2].body)
    assert again.of("answered")[0]["output"]["rows"] == [[3503]]
    assert_unseen(tmp_path, again)


@pytest.mark.parametrize("model", [OWN, "openai:gpt-6-luna"])
def test_an_answer_that_a_filter_cut_is_told_and_its_beginning_kept(
    chat: Any, provider: Any, tmp_path: Path, model: str
) -> None:
    cut = Call("final_result", {"explanation": "Every row of the table " * 9, "sql": "SELECT 1"}, cut=True)
    provider.fail(says=Says(calls=(cut,), why="filter"))
    said = chat(QUESTION, "--model", model)
    assert (said.code, len(provider.asked)) == (1, 1), said.err
    [finished] = said.of("run_finished")
    assert "content filter" in finished["error"]
    assert "differently" in finished["next_step"]
    assert "Every row of the table" in said.of("answered")[0]["text"]
    assert_unseen(tmp_path, said)


def test_a_server_that_is_not_there_is_told(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LYCEUM_PROVIDER__BASE_URL", "http://127.0.0.1:9/v1")
    said = chat(QUESTION, "--model", OWN)
    assert said.code == 1
    assert "could not be reached" in said.err


def test_another_provider_takes_over_and_the_answer_says_who(
    chat: Any, provider: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LYCEUM_FALLBACK__MODELS", f"{CLAUDE},offline")
    provider.fail(status=500, body=openai("oops"))
    said = chat(QUESTION, "--model", "openai:gpt-6-luna")
    assert said.code == 0, said.err
    assert [asked.path for asked in provider.asked] == ["/v1/responses", "/v1/messages", "/v1/responses"]
    first, second = said.of("model_called")
    assert (first["model"], first["provider"], first["after"]) == ("claude-sonnet-5-5", "anthropic", ["gpt-6-luna"])
    assert (second["model"], second["after"]) == ("gpt-6-luna", [])
    assert "gpt-6-luna failed; claude-sonnet-5-5 answered" in said.of("note")[0]["text"]
    assert said.of("answered")[0]["models"] == ["claude-sonnet-5-5", "gpt-6-luna"]
    assert_unseen(tmp_path, said)


def test_when_every_provider_is_down_the_offline_engine_of_the_chain_answers(chat: Any, provider: Any) -> None:
    provider.fail(status=500, body=openai("oops"), times=9)
    said = chat(QUESTION, "--model", f"{OWN},offline")
    assert said.code == 0, said.err
    assert {call["model"] for call in said.of("model_called")} == {"offline"}


def test_the_same_turn_is_paid_for_once_where_answers_are_kept(
    chat: Any, provider: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LYCEUM_CACHE__ENABLED", "true")
    monkeypatch.setenv("LYCEUM_PROVIDER__TEMPERATURE", "0")
    assert chat(QUESTION, "--model", OWN).code == 0
    asked = len(provider.asked)
    again = chat(QUESTION, "--model", OWN)
    assert next((call["kept"], call["cost"]) for call in again.of("model_called")) == ("exact", 0)
    assert (again.code, len(provider.asked) < 2 * asked) == (0, True)
    assert_unseen(tmp_path, again)
