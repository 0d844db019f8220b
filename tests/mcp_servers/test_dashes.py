"""What looks like an option is never one: no text that a tool is given reaches a program as its option."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from lyceum.settings import Settings
from mcp_servers.catalogue import make
from mcp_servers.services import Services

# Git would write its output there, run the program there, or read its settings there.
HOSTILE = ["--output={}", "-O{}", "--upload-pack=touch {}", "-c core.pager='touch {}'", "--exec=touch {}", "--no-index"]
CALLS: dict[str, list[str]] = {
    "workspace_git_diff": ["against"],
    "workspace_git_log": ["branch"],
    "workspace_git_commit": ["branch", "message"],
    "workspace_read": ["path"],
    "workspace_search": ["text", "path", "glob"],
    "workspace_move": ["path", "to"],
    "workspace_delete": ["path"],
    "workspace_undo": ["checkpoint"],
}
USUAL = {"message": "a change", "branch": "lyceum/work", "path": "kept.py", "to": "moved.py", "text": "kept"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    (root / "kept.py").write_text("kept = 1\n")
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "a"],
    ):
        subprocess.run(["git", *command], cwd=root, check=True)
    (root / "kept.py").write_text("kept = 2\n")
    return root


def refs(repository: Path) -> list[str]:
    command = ["git", "for-each-ref", "--format=%(refname)"]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout.splitlines()


async def test_no_tool_takes_an_argument_for_an_option(repository: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    settings = Settings(home=tmp_path / "home", servers={"workspace": {"roots": [str(repository)]}})
    server = make("workspace", settings, Services(tmp_path / "home"))
    async with Client(server) as client:
        for (tool, names), hostile in itertools.product(CALLS.items(), HOSTILE):
            for name in names:
                required: list[str] = next(t for t in server.own_tools if t.name == tool).parameters.get("required", [])
                arguments: dict[str, Any] = {each: USUAL[each] for each in required if each in USUAL}
                result: Any = await client.call_tool(tool, {**arguments, name: hostile.format(marker)})
                assert not marker.exists(), (tool, name, hostile)
                said = str(result.content)
                assert "usage: git" not in said, (tool, name, hostile)
                assert "unknown option" not in said, (tool, name, hostile)
                assert "fatal:" not in said, (tool, name, hostile)
                if tool == "workspace_git_commit" and name == "message" and not result.is_error:
                    (repository / "kept.py").write_text(f"kept = {hostile!r}\n")
    assert not [ref for ref in refs(repository) if "/-" in ref]
