"""Other people's clients work with the server that users get, and with the files that users write for them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.clients.kinds import own_command
from tests.mcp_servers import npm
from tests.mcp_servers.sweep.sweep import (
    CALLS,
    CLIENTS,
    HERE,
    MARKS,
    PAGE,
    TYPESCRIPT,
    environment,
    served,
    sweep,
    wrong,
)

pytestmark = [pytest.mark.service, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def node() -> tuple[str, Path]:
    """A Node.js and the folder with the clients that npm installed."""
    try:
        return npm.installed(HERE, "clients")
    except npm.Unavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


def test_every_client_lists_calls_hears_of_progress_and_cancels(node: tuple[str, Path]) -> None:
    del node
    results = sweep(list(CLIENTS))
    assert {name: wrong(found) for name, found in results.items() if wrong(found)} == {}
    shown = PAGE.read_text(encoding="utf-8").partition(MARKS[0])[2].partition(MARKS[1])[0]
    versions = [f"{name} {version}" for found in results.values() for name, version in found["versions"].items()]
    pinned = {package.partition("[")[0].partition("==")[0] for c in CLIENTS.values() for package in c.packages}
    missing = [each for each in versions if each.partition(" ")[0] in pinned and each not in shown]
    assert not missing, "Run `make sweep`; see what changed."


@pytest.mark.parametrize(("client", "file", "key"), [
    ("claude-code", ".mcp.json", "mcpServers"),
    ("claude-desktop", ".config/Claude/claude_desktop_config.json", "mcpServers"),
    ("vscode", ".vscode/mcp.json", "servers"),
])  # fmt: skip
def test_a_written_file_is_all_that_the_official_client_needs(
    node: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: str, file: str, key: str
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.setenv("HOME", str(project))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("LYCEUM_HOME", str(tmp_path / "home"))
    assert main(["mcp", "config", client, "--write"]) == 0
    entry: dict[str, Any] = json.loads((project / file).read_text(encoding="utf-8"))[key]["lyceum"]
    program, modules = node
    (modules / TYPESCRIPT).write_bytes((HERE / "clients" / TYPESCRIPT).read_bytes())
    asked = {
        "command": [entry["command"], *entry["args"]],
        "env": entry.get("env", {}),
        "cwd": str(elsewhere),
        "transports": ["stdio"],
        "calls": CALLS[:3],
    }
    done = subprocess.run(
        [program, str(modules / TYPESCRIPT), "@modelcontextprotocol/client", '"legacy"'],
        cwd=modules,
        env={"PATH": "/usr/bin:/bin", "HOME": str(elsewhere), "SWEEP": json.dumps(asked)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = json.loads(done.stdout)["stdio"]
    assert (told["listed"] >= 15, told["called"], told["failed"]) == (True, 3, [])


def test_the_inspector_lists_and_calls_over_both_transports(node: tuple[str, Path], tmp_path: Path) -> None:
    program, modules = node
    inspector = modules / "node_modules" / "@modelcontextprotocol" / "inspector"
    script = inspector / json.loads((inspector / "package.json").read_text(encoding="utf-8"))["bin"]["mcp-inspector"]
    own = own_command()
    with served(tmp_path) as (url, _):
        for target in ([own.program, *own.arguments], [url, "--transport", "http"]):
            for asked, wanted in (
                (["--method", "tools/list"], "tools_search"),
                (["--method", "tools/call", "--tool-name", "sql_databases"], "chinook"),
            ):
                done = subprocess.run(
                    [program, str(script), "--cli", *target, *asked],
                    cwd=tmp_path,
                    env={**os.environ, **environment(tmp_path), "PATH": f"{Path(program).parent}:{os.environ['PATH']}"},
                    capture_output=True,
                    text=True,
                    timeout=120,
                    check=False,
                )
                assert wanted in done.stdout, (target, asked, done.stderr[-1000:], done.stdout[-500:])


def test_a_bundle_is_valid_and_a_host_that_has_uv_serves_from_it(node: tuple[str, Path], tmp_path: Path) -> None:
    program, modules = node
    path, unpacked, home = tmp_path / "lyceum.mcpb", tmp_path / "unpacked", tmp_path / "home"
    assert main(["mcp", "bundle", "--file", str(path)]) == 0
    script = modules / "node_modules" / "@anthropic-ai" / "mcpb" / "dist" / "cli" / "cli.js"
    with zipfile.ZipFile(path) as bundle:
        bundle.extractall(unpacked)
    checked = subprocess.run(
        [program, str(script), "validate", str(unpacked / "manifest.json")], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    entry = json.loads((unpacked / "manifest.json").read_text(encoding="utf-8"))["server"]["mcp_config"]
    given = {"${__dirname}": str(unpacked), "${user_config.toolsets}": "lean"}
    arguments = [given.get(word, word) for word in entry["args"]]
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    (modules / TYPESCRIPT).write_bytes((HERE / "clients" / TYPESCRIPT).read_bytes())
    asked = {
        "command": [uv, arguments[0], "--quiet", "--python", sys.executable, *arguments[1:]],
        "env": {**os.environ, "LYCEUM_HOME": str(home)},  # where uv finds packages is the machine's own setting
        "cwd": str(tmp_path),
        "transports": ["stdio"],
        "calls": CALLS[:6],
    }
    done = subprocess.run(
        [program, str(modules / TYPESCRIPT), "@modelcontextprotocol/client", '"legacy"'],
        cwd=modules,
        env={**os.environ, "SWEEP": json.dumps(asked)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.stdout, done.stderr[-2000:]
    told = json.loads(done.stdout)["stdio"]
    assert (told["listed"] >= 15, told["called"], told["failed"]) == (True, 6, [])
