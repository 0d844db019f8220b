"""The servers in other people's clients: their files keep what they hold, and what is written there starts."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.cli import main
from app.clients.kinds import CLIENTS, own_command
from app.clients.merge import merged, write
from lyceum.errors import UserError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LYCEUM_HOME", str(tmp_path / "home"))


def test_a_file_is_only_shown_until_it_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mcp", "config", "vscode"]) == 0
    shown = capsys.readouterr()
    assert '+    "lyceum": {' in shown.out
    assert "Nothing was written" in shown.err
    assert "vscode:mcp/install?" in shown.err
    assert not list(tmp_path.iterdir())


def test_what_a_file_held_stays_and_is_kept_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other: dict[str, Any] = {"theme": "dark", "mcpServers": {"files": {"command": "/usr/bin/files"}}}
    path = tmp_path / ".mcp.json"
    path.write_text(json.dumps(other, indent=4))
    path.chmod(0o640)
    assert main(["mcp", "config", "claude-code", "--toolsets", "sql,course", "--read-only", "--write", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    held = json.loads(path.read_text())
    entry = held["mcpServers"].pop("lyceum")
    assert held == other
    assert entry["args"] == ["mcp", "serve", "--toolsets", "sql,course", "--read-only"]
    assert entry["env"] == {"LYCEUM_HOME": str(tmp_path / "home")}
    assert path.read_text().startswith('{\n    "theme"'), "the file's own indentation"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert json.loads(Path(told["backup"]).read_text()) == other
    assert main(["mcp", "config", "claude-code", "--toolsets", "sql,course", "--read-only", "--write"]) == 0
    assert len(list(tmp_path.glob("*.bak"))) == 1, "what is there already is not written again"


def test_a_file_with_comments_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / ".vscode" / "mcp.json"
    path.parent.mkdir()
    path.write_text('{\n  // mine\n  "servers": {}\n}\n')
    assert main(["mcp", "config", "vscode", "--write"]) == 2
    assert "line 2" in capsys.readouterr().err
    assert "// mine" in path.read_text()


def test_comments_in_yaml_stay(tmp_path: Path) -> None:
    path = tmp_path / ".config" / "goose" / "config.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("# my settings\nextensions:\n  # built in\n  developer:\n    enabled: true\nmodel: large\n")
    assert main(["mcp", "config", "goose", "--write"]) == 0
    text = path.read_text()
    assert "# my settings" in text
    assert "# built in" in text
    held = yaml.safe_load(text)
    assert list(held["extensions"]) == ["lyceum", "developer"]
    assert held["model"] == "large"
    assert Path(held["extensions"]["lyceum"]["cmd"]).is_absolute()


@pytest.mark.parametrize(
    "asked",
    [
        ["config", "claude-dekstop"],
        ["config", "vscode", "--toolsets", "sqll"],
        ["config"],
        ["list", "--write"],
        ["serve", "vscode"],
        ["doctor", "vscode", "--read-only"],
        ["config", "json", "--write"],
        ["doctor", "cursor"],
    ],
)
def test_what_makes_no_sense_is_refused_with_what_does(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mcp", *asked]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2, "what is wrong, and the next step"


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


@given(held=st.dictionaries(st.text(max_size=8), TREES, max_size=5), indent=st.sampled_from([None, 2, 4, "\t"]))
def test_merging_changes_nothing_but_the_one_entry(
    tmp_path_factory: pytest.TempPathFactory, held: dict[str, Any], indent: int | str | None
) -> None:
    path = tmp_path_factory.mktemp("merge") / "file.json"
    path.write_text(json.dumps(held, indent=indent), encoding="utf-8")
    entry = CLIENTS["vscode"].entry(own_command())
    try:
        change = merged(path, ("servers",), "lyceum", entry)
    except UserError:
        assert not isinstance(held["servers"], dict)
        return
    write(change)
    after = json.loads(path.read_text(encoding="utf-8"))
    assert after["servers"].pop("lyceum") == entry
    held.setdefault("servers", {}).pop("lyceum", None)
    assert after == held
    assert not merged(path, ("servers",), "lyceum", entry).diff


@pytest.mark.slow
def test_what_was_written_starts_from_another_folder_with_hardly_an_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mcp", "config", "claude-code", "--toolsets", "course", "--write"]) == 0
    capsys.readouterr()
    assert main(["mcp", "doctor", "claude-code", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [step["name"] for step in told["steps"]] == [
        "can be started",
        "shakes hands",
        "lists its tools",
        "answers a call",
    ]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("lyceum", "not absolute"),
        ("/nowhere/lyceum", "does not exist"),
        (__file__, "may not be run"),
        (sys.executable, "ImportError: no such thing"),
    ],
)
def test_the_doctor_names_what_is_wrong(
    command: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fails = ["-c", "raise ImportError('no such thing')"]
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"lyceum": {"command": command, "args": fails}}}))
    assert main(["mcp", "doctor", "claude-code"]) == 1
    shown = capsys.readouterr().out
    assert said in shown
    assert "FAILED" in shown


def test_the_command_needs_no_module_path() -> None:
    done = subprocess.run(
        [own_command().program, "--version"], cwd="/", env={}, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("lyceum ")
