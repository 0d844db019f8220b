"""Keys of a conversation on a real pseudo-terminal: stop, leave, type ahead, search what was asked."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from lyceum.run_store import SqliteRunStore

Start = Callable[..., Any]
LONG = "Run this Python: [sum(range(10**6)) for _ in range(10**9)]"


def stored(home: Path) -> list[tuple[str, list[str], str]]:
    """Return each run's status, kinds of events and answer, newest first."""

    async def read() -> list[tuple[str, list[str], str]]:
        store = SqliteRunStore(home / "runs.db")
        found: list[tuple[str, list[str], str]] = []
        for run in await store.runs():
            events = await store.events(run.id)
            answer = next((event.text for event in events if event.kind == "answered"), "")
            found.append((run.status, [event.kind for event in events], answer))
        store.close()
        return found

    return asyncio.run(read())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_ctrl_c_stops_a_tool_and_the_next_question_is_answered(terminal: Start, home: Path) -> None:
    at = terminal("chat", "--offline")
    at.until("0 tokens")
    at.type(f"{LONG}\r")
    at.until("sandbox_run")
    at.type("\x03")
    at.until("stopped")
    at.type("Which genre has the most tracks?\r")
    at.until("Rock")
    at.type("/quit\r")
    assert at.leaves() == 0
    (done, _, _), (cancelled, kinds, _) = stored(home)
    assert (done, cancelled) == ("done", "cancelled")
    assert kinds[-1] == "run_finished"
    assert "tool_called" in kinds
    assert "tool_returned" not in kinds


def test_ctrl_c_keeps_what_a_model_had_said_and_the_next_turn_knows_it(
    terminal: Start, home: Path, slow_model: Mapping[str, str]
) -> None:
    at = terminal("chat", "--agent", "researcher", **slow_model)
    at.until("0 tokens")
    at.type("Tell me about kites\r")
    at.until("word3")
    at.type("\x03")
    at.until(r"\(stopped here\)")
    at.type("/agent sql\r/model offline\rWhich genre has the most tracks?\r")
    at.until("Rock")
    at.type("\x04")
    assert at.leaves() == 0
    (done, _, _), (cancelled, kinds, answer) = stored(home)
    assert (done, cancelled) == ("done", "cancelled")
    assert kinds[-3:] == ["text_delta", "answered", "run_finished"]
    assert answer.startswith("word0 word1 word2 word3")
    assert answer.endswith("(stopped here)")


def test_ctrl_c_twice_leaves_also_while_a_turn_runs(terminal: Start) -> None:
    at = terminal("chat", "--offline")
    at.until("0 tokens")
    at.type(f"{LONG}\r")
    at.until("sandbox_run")
    at.type("\x03\x03")
    assert at.leaves() == 130


def test_at_an_empty_prompt_ctrl_c_clears_the_line_says_so_and_then_leaves(terminal: Start) -> None:
    at = terminal("chat", "--offline")
    at.until("0 tokens")
    at.type("half a question\x03")
    at.type("/cost\r")
    at.until("tokens, ")
    at.type("\x03")
    at.until("Ctrl-C again leaves")
    at.type("\x03")
    assert at.leaves() == 130
    assert "half a question" not in at.read[at.read.index("tokens, ") :]


def test_what_is_typed_while_a_turn_runs_is_shown_as_queued_and_then_asked(terminal: Start) -> None:
    at = terminal("chat", "--offline")
    at.until("0 tokens")
    at.type("Run this Python: sum(n % 7 for n in range(8 * 10**6))\r")
    at.until("sandbox_run")
    at.type("Which genre has the most tracks?\r/quit\r")
    at.until(r"queued: Which genre")
    at.until("Rock")
    assert at.leaves() == 0


def test_ctrl_r_finds_a_question_of_an_earlier_conversation(terminal: Start, home: Path) -> None:
    home.mkdir()
    (home / "prompt-history").write_text("\n# 2026-01-01\n+Which genre has the most tracks?\n")
    at = terminal("chat", "--offline")
    at.until("0 tokens")
    at.type("\x12genre")
    at.until("reverse-i-search")
    at.type("\r\r")
    at.until("Rock")


def test_one_shot_ctrl_c_exits_130_keeps_the_partial_answer_and_says_how_to_go_on(
    terminal: Start, home: Path, slow_model: Mapping[str, str]
) -> None:
    at = terminal("chat", "--agent", "researcher", "Tell me about kites", **slow_model)
    at.until("researcher")
    asyncio.run(asyncio.sleep(3))  # it has begun to write by now; one shot shows no draft
    os.kill(at.pid, signal.SIGINT)
    at.until(r"\(stopped here\)")
    at.until("lyceum chat -c")
    assert at.leaves() == 130
    assert [status for status, _, _ in stored(home)] == ["cancelled"]


def test_escape_sequences_in_a_tools_text_do_not_reach_the_terminal(terminal: Start, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Kite prices\n\nThe blue kite costs \x1b]0;owned\x07 12 euros \x1b[2J\x9b31m today.\n")
    at = terminal("chat", "--offline", "--attach", str(page), "What does the blue kite cost?")
    assert at.leaves() == 0
    assert "12 euros" in at.read
    assert "\x1b]0;" not in at.seen
    assert "\x1b[2J" not in at.seen
    assert "\x9b" not in at.seen


def test_no_color_and_a_narrow_terminal_are_respected(terminal: Start) -> None:
    at = terminal("chat", "--offline", "Which genre has the most tracks?", columns=40, NO_COLOR="1")
    assert at.leaves() == 0
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3[0-7]|4[0-7]|9[0-7]|[34]8)", at.seen)
    answer = at.read[at.read.index("Rock (") : at.read.index("Sources")]
    assert all(len(line) <= 40 for line in answer.splitlines())


def test_json_on_a_terminal_needs_a_question(terminal: Start) -> None:
    at = terminal("chat", "--offline", "--json")
    assert at.leaves() == 2
    assert json.dumps("kind") not in at.read


def test_leaving_does_not_wait_for_a_thread_that_a_stopped_turn_left_behind() -> None:
    code = (
        "import asyncio, os, signal, time\n"
        "from app.cli.stopping import leave, until_interrupted\n"
        "async def main():\n"
        "    asyncio.get_running_loop().call_later(0.2, os.kill, os.getpid(), signal.SIGINT)\n"
        "    return await until_interrupted(asyncio.to_thread(time.sleep, 600))\n"
        "assert asyncio.run(main()) is None\n"
        "leave(7)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=100)
    assert done.returncode == 7, done.stderr
