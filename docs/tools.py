"""Write docs/tools.md from the tool servers: `python docs/tools.py`."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from mcp import Client
from mcp_types import Tool

from lyceum.settings import Settings
from mcp_servers.catalogue import cards
from mcp_servers.cost import cost_of
from mcp_servers.serve import EVERYTHING, Choice, combined

PAGE = Path(__file__).with_name("tools.md")
HEAD = """# Tools, and what they cost

Every tool that is listed costs each conversation tokens before its first word. *Shown* is what clients put before a
model: name, description and parameters. *Sent* is all that travels, with what a tool returns (its output schema), which
clients keep to themselves. Counted with [one tokenizer](../mcp_servers/cost.py), the same for everything. This page is
written by `python docs/tools.py`; `make docs` fails when it is out of date. How to choose tools:
[clients.md](clients.md).

| served with | tools | shown | sent |
| --- | --- | --- | --- |
"""
EFFECTS = {(True, False): "reads", (False, False): "adds or runs", (False, True): "may replace or remove"}


async def listed(choice: Choice) -> list[Tool]:
    """Return the tools as a client gets them."""
    with tempfile.TemporaryDirectory() as home:
        async with Client(combined(Settings(home=Path(home)), choice)) as client:
            return (await client.list_tools()).tools


async def page() -> str:
    """Return the page as the servers are now."""
    names = list(cards())
    choices = {"nothing said (the lean set)": Choice(), "`--read-only`": Choice(read_only=True)}
    choices |= {f"`--toolsets {name}`": Choice(toolsets=[name]) for name in (*names, EVERYTHING)}
    lists = {title: await listed(choice) for title, choice in choices.items()}
    rows = [_row(title, tools) for title, tools in lists.items()]
    lean = {tool.name for tool in lists["nothing said (the lean set)"]}
    finding = [tool for tool in lists["nothing said (the lean set)"] if tool.name.startswith("tools_")]
    parts = [_part("finding others", "Only beside the lean set: they find and call what is not listed.", finding, lean)]
    parts += [_part(name, card, lists[f"`--toolsets {name}`"], lean) for name, card in cards().items()]
    return HEAD + "".join(rows) + "".join(parts)


def _row(title: str, tools: list[Tool]) -> str:
    cost = cost_of(tools)
    return f"| {title} | {len(tools)} | {cost.shown:,} | {cost.whole:,} |\n"


def _part(name: str, card: str, tools: list[Tool], lean: set[str]) -> str:
    columns = "| tool | what it is for | effect | shown | in the lean set |\n| --- | --- | --- | --- | --- |\n"
    head = f"\n## {name}\n\n{card}\n\n{columns}"
    return head + "".join(
        f"| `{tool.name}` | {tool.title} | {_effect(tool)} | {cost_of([tool]).shown} "
        f"| {'yes' if tool.name in lean else ''} |\n"
        for tool in tools
    )


def _effect(tool: Tool) -> str:
    hints = tool.annotations
    return EFFECTS[bool(hints and hints.read_only_hint), bool(hints and hints.destructive_hint)] if hints else ""


if __name__ == "__main__":
    PAGE.write_text(asyncio.run(page()), encoding="utf-8")
