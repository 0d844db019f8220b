"""Approvals where they are asked: through a real tool that its server declares to change the world."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.cli.approval import standing
from lyceum.errors import UserError

QUESTION = "Run this Python: print(1)"
ASKS = "[y]es, [n]o REASON, [e]dit, [a]lways"


async def decisions(at: Any) -> list[Any]:
    runs = reversed(await at.app.store.runs(thread=at.talk.thread))
    return [each.decision for run in runs for each in await at.app.store.approvals(run=run.id, pending=False)]


async def test_yes_lets_the_call_be_made(seat: Any, careful: Any) -> None:
    async with seat(tools=careful.settings) as at:
        at.type(f"{QUESTION}\r")
        await at.until(ASKS)
        await at.until("coder wants to call sandbox_run")
        assert careful.ran == []
        at.type("y\r")
        await at.until("ran print(1)")
        assert careful.ran == ["print(1)"]


async def test_no_with_a_reason_is_recorded_and_nothing_runs(seat: Any, careful: Any) -> None:
    async with seat(tools=careful.settings) as at:
        at.type(f"{QUESTION}\r")
        await at.until(ASKS)
        at.type("n not on that machine\r/runs\r")
        await at.until("  done  ")
        [decision] = await decisions(at)
        assert (decision.approved, decision.reason) == (False, "not on that machine")
        assert "refused by user: not on that machine" in at.read
        assert careful.ran == []


async def test_an_unknown_answer_decides_nothing_and_asks_again(seat: Any, careful: Any) -> None:
    async with seat(tools=careful.settings) as at:
        at.type(f"{QUESTION}\r")
        await at.until(ASKS)
        at.type("maybe\r")
        await at.until("nothing was decided")
        assert await decisions(at) == [None]
        at.type("yes\r")
        await at.until("ran print(1)")


async def test_edited_arguments_are_the_ones_that_run(seat: Any, careful: Any) -> None:
    async with seat(tools=careful.settings) as at:
        at.type(f"{QUESTION}\r")
        await at.until(ASKS)
        at.type("e\r")
        await at.until("arguments: ")
        at.type("\x01\x0b[1]\r")  # home, cut the line: no object
        await at.until("Arguments are a JSON object")
        at.type('\x01\x0b{"code": "print(2)"}\r')
        await at.until("ran print(2)")
        assert careful.ran == ["print(2)"]


async def test_always_holds_for_the_thread_is_kept_by_the_store_and_ends_with_the_thread(
    seat: Any, careful: Any
) -> None:
    async with seat(tools=careful.settings) as at:
        thread = at.talk.thread
        at.type(f"{QUESTION}\r")
        await at.until(ASKS)
        at.type("a\r")
        await at.until("ran print(1)")
    async with seat(tools=careful.settings, thread=thread) as at:  # another process would find the same
        at.type("Run this Python: print(3)\r")
        await at.until("ran print(3)")
        assert [decision.by for decision in await decisions(at)] == ["user", "always"]
        at.type(f"/clear\r{QUESTION}\r")
        await at.until(ASKS)
        at.type("n no\r/runs\r")
        await at.until("  done  ")
    assert careful.ran == ["print(1)", "print(3)"]


async def test_what_was_being_typed_comes_back_after_the_answer(seat: Any, careful: Any) -> None:
    async with seat(tools=careful.settings) as at:
        at.type(f"{QUESTION}\r/co")
        await at.until(ASKS)
        at.type("y\r")
        await at.until("ran print(1)")
        at.type("st\r")
        await at.until("0 tokens, ")


async def test_the_end_of_input_leaves_the_run_waiting_and_says_how_to_decide(seat: Any, careful: Any) -> None:
    async with seat(tools=careful.settings) as at:
        at.type(f"{QUESTION}\r")
        await at.until(ASKS)
        at.type("\x04")
        await at.until("lyceum runs approve")
        [run] = await at.app.store.runs(thread=at.talk.thread)
        assert run.status == "waiting"
        assert at.chat.code == 3


async def test_ctrl_c_at_an_approval_stops_the_turn_and_runs_nothing(seat: Any, careful: Any) -> None:
    async with seat(tools=careful.settings) as at:
        at.type(f"{QUESTION}\r")
        await at.until(ASKS)
        at.type("\x03")
        await at.until("stopped")
        at.type("/cost\r")
        await at.until("0 tokens, ")
        [run] = await at.app.store.runs(thread=at.talk.thread)
        assert run.status == "cancelled"
    assert careful.ran == []


def lyceum(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LYCEUM_TOOLS__SANDBOX": url, "PYTHONPATH": str(Path(__file__).parents[2])}
    code = "import sys; from app.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment
    )


@pytest.mark.slow
def test_a_pipe_never_waits_and_the_run_goes_on_once_it_is_decided(careful: Any) -> None:
    asked = lyceum(careful.url, "chat", "--offline", QUESTION)
    assert asked.returncode == 3, asked.stderr
    assert "lyceum runs approve" in asked.stderr
    run = json.loads(lyceum(careful.url, "runs", "list", "--json").stdout)[0]["id"]
    assert lyceum(careful.url, "runs", "approve", run[:6]).returncode == 0
    done = lyceum(careful.url, "chat", "--offline", "-c")
    assert (done.returncode, done.stdout.strip()) == (0, "ran print(1)"), done.stderr
    assert careful.ran == ["print(1)"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "ran"),
    [
        (["--yes"], True),
        (["--approve", "sandbox_run"], True),
        (["--approve", "sandbox_run=yes"], True),
        (["--yes", "--approve", "sandbox_run=no"], False),
    ],
)
def test_answers_given_in_advance_are_recorded_and_need_no_person(careful: Any, given: list[str], ran: bool) -> None:
    done = lyceum(careful.url, "chat", "--offline", "--json", *given, QUESTION)
    assert done.returncode == 0, done.stderr
    assert careful.ran == (["print(1)"] if ran else [])
    [decided] = [event for event in map(json.loads, done.stdout.splitlines()) if event["kind"] == "approval_decided"]
    assert (decided["approved"], decided["by"]) == (ran, "--yes" if given == ["--yes"] else "--approve")


def test_one_shot_asks_the_person_at_the_terminal(terminal: Callable[..., Any], careful: Any) -> None:
    at = terminal("chat", "--offline", QUESTION, LYCEUM_TOOLS__SANDBOX=careful.url)
    at.until("lways in this thread")
    at.type("y\r")
    at.until(r"ran print\(1\)")
    assert at.leaves() == 0
    waits = terminal("chat", "--offline", QUESTION, LYCEUM_TOOLS__SANDBOX=careful.url)
    waits.until("lways in this thread")
    waits.type("\x04")
    waits.until("lyceum runs approve")
    assert waits.leaves() == 3


def test_an_answer_that_is_none_is_refused() -> None:
    with pytest.raises(UserError, match="'yess' is no answer"):
        standing(yes=False, approve=["sandbox_run=yess"])
