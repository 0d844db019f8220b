"""What each server offers, kept as committed JSON: `python -m tests.mcp_servers.snapshots.take` writes it anew."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from lyceum.settings import Settings
from mcp_servers.catalogue import cards, make
from mcp_servers.lean import lean
from mcp_servers.server import ToolServer
from mcp_servers.services import Services

FOLDER = Path(__file__).parent
LEAN = "lean"  # what is served beside the servers' own tools


def names() -> list[str]:
    return [*cards(), LEAN]


def snapshot(name: str) -> str:
    """Return a server's tools as text: a line a parameter and a field, so that a difference is easy to read."""
    with tempfile.TemporaryDirectory() as home:
        settings, services = Settings(home=Path(home)), Services(Path(home))
        if name == LEAN:
            made = lean([make("course", settings, services)])
            return _text(made, [tool for tool in made.own_tools if tool.name.startswith("tools_")])
        made = make(name, settings, services)
        return _text(made, list(made.own_tools))


def _text(server: ToolServer, tools: list[Any]) -> str:
    held = {
        tool.name: {
            "title": tool.title,
            "description": tool.description.splitlines(),
            "annotations": tool.annotations.model_dump(exclude_none=True, exclude={"title"}),
            "task": tool.task,
            "formerly": list(tool.formerly),
            "records": list(tool.records.lists) if tool.records else [],
            "origin": tool.origin,
            "input": _lines(tool.parameters),
            "output": _lines(tool.output_schema),
        }
        for tool in tools
    }
    return json.dumps({"instructions": server.instructions, "tools": held}, indent=1, ensure_ascii=False) + "\n"


def _lines(schema: dict[str, Any]) -> dict[str, Any]:
    inner = {name: _compact(value) for name, value in schema.get("properties", {}).items()}
    return {"properties": inner, "rest": _compact({key: v for key, v in schema.items() if key != "properties"})}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


if __name__ == "__main__":
    for each in names():
        (FOLDER / f"{each}.json").write_text(snapshot(each), encoding="utf-8")
    for old in FOLDER.glob("*.json"):
        if old.stem not in names():
            old.unlink()
