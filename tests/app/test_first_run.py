"""The first start asks a person, once, and never a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.cli.first_run import ASKED, contents

Start = Callable[..., Any]
NO_OLLAMA = {"LYCEUM_PROVIDER__OLLAMA_URL": "http://127.0.0.1:9"}


def test_a_person_is_asked_once_what_there_is_and_told_the_next_action(terminal: Start, tmp_path: Path) -> None:
    at = terminal("chat", **NO_OLLAMA)
    at.until(r"1\.1 GB.*Apache-2\.0")
    at.until(r"\[N\]othing")
    at.type("x\r")  # no answer: it asks again
    at.until(r"\[N\]othing")
    at.type("n\r")
    at.until("lyceum models pull qwen2.5-coder-1.5b")
    at.until("0 tokens")
    at.type("\x04")
    assert at.leaves() == 0
    again = terminal("chat", **NO_OLLAMA)
    again.until("0 tokens")
    assert "What have you got" not in again.read


def test_a_key_or_a_model_by_name_needs_no_question(terminal: Start) -> None:
    for given in ({"OPENAI_API_KEY": "k"}, {"LYCEUM_MODEL": "offline"}):
        at = terminal("chat", **NO_OLLAMA, **given)
        at.until("0 tokens")
        assert "What have you got" not in at.read


def test_a_folder_with_something_to_read_is_offered_and_a_refusal_is_remembered(
    terminal: Start, tmp_path: Path
) -> None:
    (tmp_path / "here" / "kites.md").write_text("# Refunds\n\nCustomers may return a kite within 45 days.\n")
    (tmp_path / "here" / "sales.csv").write_text("city,kites\nOslo,3\n")
    at = terminal("chat", "--offline")
    at.until("holds 1 document and 1 table")
    at.until("es /")
    at.type("\r")
    at.until("/attach . does it later")
    at.until("0 tokens")
    at.type("\x04")
    assert at.leaves() == 0
    again = terminal("chat", "--offline")
    again.until("0 tokens")
    assert "Attach it" not in again.read


def test_an_accepted_folder_answers_the_next_question(terminal: Start, tmp_path: Path) -> None:
    (tmp_path / "here" / "kites.md").write_text("# Refunds\n\nCustomers may return a kite within 45 days.\n")
    at = terminal("chat", "--offline")
    at.until("es /")
    at.type("y\r")
    at.until("attached collection")
    at.until("0 tokens")
    at.type("How long may customers return a kite?\r")
    at.until("45 days")


def test_a_pipe_is_never_asked(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# Notes\n")
    code = "import sys; from app.cli import main; sys.exit(main())"
    environment = {**os.environ, **NO_OLLAMA, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code, "chat"],
        input=b"Which genre has the most tracks?", capture_output=True, check=False, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert b"Rock" in done.stdout, done.stderr
    assert b"What have you got" not in done.stderr
    assert not (Path(environment["LYCEUM_HOME"]) / ASKED).exists()


def test_a_damaged_memory_of_what_was_asked_only_asks_again(terminal: Start, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ASKED).write_text("[not json")
    at = terminal("chat", **NO_OLLAMA)
    at.until(r"\[N\]othing")
    at.type("\x04")
    at.until("0 tokens")
    assert json.loads((tmp_path / "home" / ASKED).read_text()) == {"models": "n"}


def test_what_a_folder_holds_is_counted_without_hidden_and_installed_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.md", "b.PDF", "data/c.csv", ".hidden.md", "node_modules/d.md", ".venv/e.md", "1/2/3/4/f.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert contents(tmp_path) == "2 documents and 1 table"
    (tmp_path / ".git").mkdir()
    assert contents(tmp_path).startswith("a repository")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert contents(tmp_path) == ""
    assert contents(tmp_path / "node_modules" / "none") == ""
