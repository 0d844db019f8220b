"""A bundle holds what a host needs to serve the tools, the same each time, and its card is what a registry takes."""

from __future__ import annotations

import json
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from app.cli import main
from app.clients.bundle import ROOT, own_card

# What the registry's schema of 2025-12-11 asks of the parts that we write.
CARD: dict[str, Any] = {
    "type": "object",
    "required": ["$schema", "name", "description", "version"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"const": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"},
        "name": {"type": "string", "pattern": r"^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$", "maxLength": 200},
        "title": {"type": "string", "minLength": 1, "maxLength": 100},
        "description": {"type": "string", "minLength": 1, "maxLength": 100},
        "version": {"type": "string", "maxLength": 255},
        "packages": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["registryType", "identifier", "transport"],
                "additionalProperties": False,
                "properties": {
                    "registryType": {"const": "mcpb"},
                    "identifier": {"type": "string", "pattern": "^https://.*mcpb"},
                    "version": {"type": "string", "not": {"const": "latest"}},
                    "fileSha256": {"type": "string", "pattern": "^[a-f0-9]{64}$"},
                    "transport": {"const": {"type": "stdio"}},
                },
            },
        },
    },
}


def test_a_bundle_is_the_same_each_time_and_names_every_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "https://github.com/someone/lyceum/releases/download/v1/lyceum.mcpb"
    told: list[dict[str, Any]] = []
    for name in ("one.mcpb", "two.mcpb"):
        assert main(["mcp", "bundle", "--file", str(tmp_path / name), "--url", url, "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0]["sha256"] == told[1]["sha256"]
    with zipfile.ZipFile(told[0]["bundle"]) as bundle:
        names = set(bundle.namelist())
        manifest = json.loads(bundle.read("manifest.json"))
        project = tomllib.loads(bundle.read("pyproject.toml").decode())
    assert (manifest["manifest_version"], manifest["server"]["type"]) == ("0.4", "uv")
    assert manifest["server"]["entry_point"] in names
    assert {"app/cli/mcp.py", "mcp_servers/sql/chinook.sqlite", "LICENSE"} <= names
    assert not [name for name in names if name.endswith(".pyc") or ".git" in name or name.startswith("tests/")]
    pinned = {line.partition("==")[0].lower() for line in project["tool"]["uv"]["constraint-dependencies"]}
    assert {"mcp", "pydantic", "duckdb"} <= pinned
    card = json.loads(Path(told[1]["card"]).read_text(encoding="utf-8"))
    jsonschema.validate(card, CARD)
    assert card["packages"][0]["fileSha256"] == told[1]["sha256"]
    assert card["name"] == "io.github.someone/lyceum"


def test_the_card_that_is_committed_is_current_and_promises_no_download() -> None:
    card = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
    jsonschema.validate(card, CARD)
    assert card == own_card(), "`python -m app.clients.bundle` writes it anew"
    assert card["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert "packages" not in card


@pytest.mark.parametrize(
    "url", ["http://x.example/a.mcpb", "https://x.example/a.zip", "lyceum.mcpb", "https:///a.mcpb"]
)
def test_an_address_that_is_none_of_a_bundle_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert main(["mcp", "bundle", "--file", str(tmp_path / "x.mcpb"), "--url", url]) == 2
    assert "mcpb" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
