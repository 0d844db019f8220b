"""A question that says too little is asked back before the plan, in a pipe and at a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "docs"
    made.mkdir()
    (made / "history.md").write_text("# History\n\nThe catalogue was founded in Calgary by two brothers.\n")
    return made


def test_a_pipe_waits_for_the_answer_and_then_for_the_plan(lyceum: Command, folder: Path) -> None:
    code, out, err = lyceum("research", "Where was it founded?", "--source", f"docs:{folder}", "--offline")
    assert (code, out) == (3, "")
    assert "What does 'it' stand for?" in err
    run = re.findall(r"^run (\w{12})$", err, re.MULTILINE)[0]
    assert f"lyceum runs approve {run} " in err
    code, _, err = lyceum("runs", "approve", run, "Where was the catalogue founded?")
    assert code == 3
    assert "until its plan is approved" in err
    code, _, err = lyceum("runs", "approve", run, "no plan takes words")
    assert code == 2
    assert "--edit FILE" in err
    code, out, err = lyceum("runs", "approve", run)
    assert code == 0, err
    assert "## Where was the catalogue founded?" in out
    assert "Calgary" in out
    code, _, err = lyceum("research", "why?", "--source", "web", "--answer-within", "soon")
    assert code == 2
    assert "no duration" in err


@pytest.mark.slow
def test_at_a_terminal_the_answer_is_typed_and_the_plan_comes_after_it(
    terminal: Callable[..., Any], folder: Path
) -> None:
    seat = terminal("research", "Where was it founded?", "--source", f"docs:{folder}", "--offline")
    seat.until("in clear words")
    seat.type("Where was the catalogue founded?\n")
    seat.until("Carry it out")
    seat.type("y\n")
    seat.until("Calgary")
    assert seat.leaves() == 0
