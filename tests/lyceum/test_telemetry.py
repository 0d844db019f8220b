"""Spans of a real offline turn: the tree that a reader expects, and nothing that was said."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from lyceum.errors import OperatorError
from lyceum.settings import TelemetrySettings
from lyceum.telemetry import tracing

QUESTION = "Run this Python: print('xylophone', 6 * 7)"


async def turn(wired: Any, **telemetry: Any) -> None:
    from workflows.chat_turn import ChatRequest

    async with wired(telemetry=TelemetrySettings(exporter="file", **telemetry)) as app:
        run = await app.engine.submit("chat_turn", ChatRequest(question=QUESTION))
        assert (await app.engine.drive(run)).status == "done"


async def test_a_turn_is_a_tree_of_run_agents_model_requests_and_tool_calls(wired: Any, tmp_path: Path) -> None:
    await turn(wired)
    lines = (tmp_path / "home" / "logs" / "spans.jsonl").read_text().splitlines()
    spans = {span["context"]["span_id"]: span for span in map(json.loads, lines)}
    tree = {(span["name"], spans[span["parent_id"]]["name"]) for span in spans.values() if span["parent_id"]}
    assert tree == {
        ("invoke_agent coder", "run chat_turn"),
        ("chat offline", "invoke_agent coder"),
        ("execute_tool sandbox_run", "invoke_agent coder"),
        ("invoke_agent reviewer", "run chat_turn"),
        ("chat offline", "invoke_agent reviewer"),
    }
    [run] = [span for span in spans.values() if not span["parent_id"]]
    assert run["attributes"]["lyceum.status"] == "done"


async def test_what_was_said_is_left_out_unless_it_is_asked_for(wired: Any, tmp_path: Path) -> None:
    await turn(wired, file=tmp_path / "plain.jsonl")
    assert "xylophone" not in (tmp_path / "plain.jsonl").read_text()
    await turn(wired, file=tmp_path / "whole.jsonl", content=True)
    assert "xylophone" in (tmp_path / "whole.jsonl").read_text()
    assert (tmp_path / "whole.jsonl").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("exporter", ["otlp", "logfire"])
def test_an_exporter_that_is_not_there_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exporter: str
) -> None:
    monkeypatch.setenv("LOGFIRE_TOKEN", "t")
    monkeypatch.setitem(sys.modules, "logfire", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with (
        pytest.raises(OperatorError, match="not installed") as told,
        tracing(TelemetrySettings.model_validate({"exporter": exporter}), tmp_path),
    ):
        pass
    assert "requirements/logfire.lock" in told.value.next_step


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "blocker").touch()
    settings = TelemetrySettings(exporter="file", file=tmp_path / "blocker" / "spans.jsonl")
    with pytest.raises(OperatorError, match="cannot be written"), tracing(settings, tmp_path):
        pass


@pytest.mark.skipif(find_spec("logfire") is not None, reason="pydantic-ai loads logfire, and its SDK, where installed")
def test_turned_off_it_imports_no_sdk(tmp_path: Path) -> None:
    code = (
        "import sys; from app.cli import main; code = main(['chat', '--offline', 'Run this Python: print(6 * 7)']);"
        "sys.exit(code or any(name.startswith('opentelemetry.sdk') for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={"LYCEUM_HOME": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "42"
