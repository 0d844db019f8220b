"""Bad input ends with a clear message and the next step, never with a traceback, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CODE = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"


def lyceum(home: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {"PATH": os.environ["PATH"], "LYCEUM_HOME": str(home), "HOME": str(home.parent)}
    command = [sys.executable, "-c", CODE, *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, env=environment, check=False, timeout=60)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [
        (["chat", "--offline", ""], b"", 2, "The question is empty"),
        (["chat", "--offline", "-"], b"\xff\xfe?", 2, "not UTF-8"),
        (["chat", "--offline", "-"], b"a" * 1_000_000, 2, "--attach"),
        (["chat", "--offline", "--agent", "reseacher", "hi"], b"", 2, "'researcher'"),
        (["chat", "--model", "opnai:gpt", "hi"], b"", 2, "'openai'"),
        (["chat", "--offline", "--attach", "/no/such/file", "hi"], b"", 2, "does not exist"),
        (["chat", "--offline", "--attach", __file__.replace(".py", ".py"), "-c", "hi"], b"", 2, "no thread"),
        (["chta"], b"", 2, "'chat'"),
        (["runs", "show", "nothing"], b"", 2, "No run starts"),
    ],
)
def test_a_wrong_request_says_what_to_do(home: Path, arguments: list[str], stdin: bytes, code: int, said: str) -> None:
    done = lyceum(home, *arguments, stdin=stdin)
    errors = done.stderr.decode()
    assert done.returncode == code, errors
    assert said in errors
    assert "Traceback" not in errors


def test_a_file_that_is_no_database_is_refused_by_what_it_is(home: Path, tmp_path: Path) -> None:
    fake = tmp_path / "data.sqlite"
    fake.write_bytes(b"not a database at all")
    done = lyceum(home, "chat", "--offline", "--attach", str(fake), "How many rows?")
    assert done.returncode == 2
    assert b"neither a SQLite nor a DuckDB database" in done.stderr


def test_an_unknown_setting_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.cli import main

    monkeypatch.setenv("LYCEUM_OFLINE", "1")
    assert main(["models", "list"]) == 2


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.touch()
    done = lyceum(blocker / "home", "chat", "--offline", "What is attention?")
    assert done.returncode == 1
    assert b"LYCEUM_HOME" in done.stderr
    assert b"Traceback" not in done.stderr


def test_json_output_is_the_event_log_and_nothing_else(home: Path) -> None:
    done = lyceum(home, "chat", "--offline", "--json", "Which genre has the most tracks?")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    kinds = [event["kind"] for event in events]
    assert kinds[0] == "run_started"
    assert kinds[-2:] == ["answered", "run_finished"]
    assert {"routed", "model_called", "tool_called", "tool_returned", "source_found"} <= set(kinds)


@pytest.mark.slow
def test_a_turn_killed_at_any_moment_is_finished_by_continue_without_repeating_a_call(home: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "LYCEUM_HOME": str(home), "HOME": str(home.parent)}
    question = "What is top-p sampling? And which genre has the most tracks?"
    command = [sys.executable, "-c", CODE, "chat", "--offline", "--json", question]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["kind"] == "tool_returned":
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    done = lyceum(home, "chat", "--offline", "-c")
    assert b"Rock" in done.stdout, done.stderr
    runs = json.loads(lyceum(home, "runs", "list", "--json").stdout)
    assert [run["status"] for run in runs] == ["done"]
    events = [json.loads(line) for line in lyceum(home, "runs", "events", runs[0]["id"]).stdout.splitlines()]
    calls = [event["call"] for event in events if event["kind"] == "tool_returned"]
    assert len(calls) == len(set(calls))


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from app.cli import main; main(['--help']);"
        "heavy = ('pydantic', 'mcp', 'pydantic_ai', 'rich', 'lyceum.settings');"
        "sys.exit(str([name for name in heavy if name in sys.modules] or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
    assert "chat" in done.stdout


def test_listing_the_tool_servers_imports_none_of_them() -> None:
    code = (
        "import sys; from app.cli import main; main(['mcp', 'list']);"
        "servers = [name for name in sys.modules if name.startswith('mcp_servers.') and name.endswith('.server')];"
        "sys.exit(str(servers + [name for name in ('mcp', 'pydantic_ai') if name in sys.modules] or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
    assert "retrieval" in done.stdout
