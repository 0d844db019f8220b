"""A chat of forty turns in a terminal is told things, ends, and is known to every later process, to the last word."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

TALK: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[1] / "memory" / "second_talk.yaml").read_text(encoding="utf-8")
)
ROOT = Path(__file__).parents[2]
CODE = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"
Lyceum = Callable[..., str]
ASKED = (0, 1, 5, 12)  # of the questions, each by a process of its own


def kept(path: Path) -> int:
    """Return how many turns another process has written by now."""
    if not path.exists():
        return 0
    with contextlib.closing(sqlite3.connect(path)) as database:
        try:
            return int(database.execute("SELECT count(*) FROM turns").fetchone()[0])
        except sqlite3.OperationalError:  # its tables are being made
            return 0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"LYCEUM_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}


@pytest.fixture
def lyceum(environment: dict[str, str], tmp_path: Path) -> Lyceum:
    """Run a command in a process of its own and return what it printed."""

    def lyceum(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", CODE, *words],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return lyceum


async def from_a_client(environment: dict[str, str], questions: list[str]) -> None:
    """Do all of it again from a generic MCP client, over stdio."""
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    parameters = StdioServerParameters(
        command=sys.executable, args=["-c", CODE, "mcp", "serve", "--toolsets", "memory"], env=environment
    )
    async with Client(stdio_client(parameters)) as client:

        async def call(tool: str, **arguments: Any) -> dict[str, Any]:
            result = await client.call_tool(f"memory_{tool}", arguments)
            assert not result.is_error, result.content
            assert result.structured_content is not None
            marks = {"data_begins", "data_ends"}  # other ones in every answer
            return {key: value for key, value in result.structured_content.items() if key not in marks}

        before = [await call("search", query=question) for question in questions]
        assert before[0]["told"][0]["text"].endswith("we live in Antwerp now.")
        assert before[0]["told"][1]["until"]
        assert before[0]["told"][0]["turn"] in {source["id"] for source in before[0]["sources"]}
        thread = before[0]["told"][0]["turn"].removeprefix("turn:").partition("/")[0]
        assert "Antwerp" in (await call("context", thread=thread, question=questions[0]))["text"]
        await call("define", label="task")
        await call("edit", label="task", how="append", text="Tune the organ.")
        await call("edit", label="task", how="rethink", text="Nothing.")
        assert (await call("undo", label="task"))["block"]["text"] == "Tune the organ."
        assert len((await call("history", label="task"))["versions"]) == 3
        part = await call("export")
        whole = part["text"]
        while part["next"]:
            part = await call("export", start=part["next"])
            whole += part["text"]
        records = [json.loads(line) for line in whole.split("\n")[:-1]]
        threads = {record["thread"] for record in records if record.get("kind") == "turn"}
        await call("forget", ids=[f"thread:{thread}" for thread in sorted(threads)])
        assert not (await call("search", query=questions[0]))["told"]
        await call("import", text=whole)
        assert [await call("search", query=question) for question in questions] == before


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_forty_turns_are_known_shown_undone_and_moved_by_processes_and_by_a_client(
    terminal: Callable[..., Any], lyceum: Lyceum, environment: dict[str, str], tmp_path: Path
) -> None:
    at = terminal("chat", "--offline", **environment)
    at.until("0 tokens")
    for number, turn in enumerate(TALK["turns"], 1):
        at.type(f"{turn}\r")
        deadline = time.monotonic() + 60
        while kept(tmp_path / "home" / "memory.db") < 2 * number:  # what was said, and what was answered
            assert time.monotonic() < deadline, at.read[-2000:]
            with contextlib.suppress(AssertionError):
                at.until("what never comes", 0.1)
    at.type("\x04")
    assert at.leaves() == 0

    asked = [TALK["asked"][number] for number in ASKED]
    found = {each["question"]: json.loads(lyceum("memory", "search", each["question"], "--json")) for each in asked}
    for each in asked:
        best = found[each["question"]]["told"][0]
        turn = int(best["turn"].rpartition("/")[2])
        assert (turn, each["says"] in best["text"]) == (2 * each["turn"] - 1, True), each
    moved = lyceum("chat", "--offline", "Where do I live?")
    assert "we live in Antwerp now.\u201d [1]" in moved
    assert "Until" in moved
    assert "Ghent" in moved
    days = datetime.now(UTC) - timedelta(days=3)
    signed = lyceum("chat", "--offline", "When did we sign for the houseboat?")
    assert f"{days:%-d %B %Y}" in signed
    assert "/15" in signed

    known = json.loads(lyceum("memory", "show", "--json"))
    assert "Antwerp" in known["blocks"][0]["text"]
    home = next(fact for fact in known["facts"] if fact["topic"] == "home")
    assert "we live in Antwerp now." in lyceum("memory", "history", home["id"])
    thread = home["sources"][0].removeprefix("turn:").partition("/")[0]
    assert "Antwerp" in lyceum("memory", "show", "--context", thread, "Where do I live?")
    lyceum("memory", "edit", "human", "--append", "Repairs organs.")
    lyceum("memory", "edit", "human", "--text", "Nothing.")
    assert lyceum("memory", "undo", "human").strip() == "Repairs organs."

    questions = list(found)
    before = [lyceum("memory", "search", question, "--json") for question in questions]
    lyceum("memory", "export", str(tmp_path / "all.jsonl"))
    lyceum("memory", "forget", "--all", "--yes")
    assert "Nothing answers this." in lyceum("memory", "search", questions[1])
    lyceum("memory", "import", str(tmp_path / "all.jsonl"))
    assert [lyceum("memory", "search", question, "--json") for question in questions] == before
    await from_a_client(environment, questions[1:])
