"""What clients are listed: few tokens, nothing that changes unseen, and every tool under its former names too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from pydantic import BaseModel

from lyceum.settings import Settings
from mcp_servers.catalogue import cards, make_all
from mcp_servers.cost import cost_of
from mcp_servers.lean import AT_ONCE, DEFAULT, lean
from mcp_servers.renamed import namespaced
from mcp_servers.serve import Choice, combined
from mcp_servers.server import ToolServer
from mcp_servers.services import Services
from tests.mcp_servers.snapshots.take import FOLDER, names, snapshot


async def test_by_default_at_most_twenty_tools_take_few_tokens(tmp_path: Path) -> None:
    async with Client(combined(Settings(home=tmp_path))) as client:
        tools = (await client.list_tools()).tools
    cost = cost_of(tools)
    assert len(tools) <= 20
    assert cost.shown < 8000
    assert cost.whole < 12_000, "with what the tools return"


async def test_no_tool_takes_more_than_five_hundred_tokens(tmp_path: Path) -> None:
    async with Client(combined(Settings(home=tmp_path), Choice(toolsets=["all"]))) as client:
        tools = (await client.list_tools()).tools
    sizes = {tool.name: cost_of([tool]).shown for tool in tools}
    assert {name: size for name, size in sizes.items() if size > 500} == {}


def test_a_changed_definition_is_seen() -> None:
    changed = [
        name
        for name in names()
        if not (FOLDER / f"{name}.json").exists() or (FOLDER / f"{name}.json").read_text("utf-8") != snapshot(name)
    ]
    assert not changed, (
        f"The tools of {', '.join(changed)} are not as they were. If that is meant: keep a renamed tool's old name "
        "with `formerly`, then `python -m tests.mcp_servers.snapshots.take && python docs/tools.py`."
    )
    assert {path.stem for path in FOLDER.glob("*.json")} == set(names())


class Said(BaseModel):
    text: str


def renamed() -> ToolServer:
    server = ToolServer("speech", instructions="")

    @server.expose(title="Say", effect="read", formerly=("speech_tell", "speech_utter"))
    async def speech_say(text: str) -> Said:
        """Say a text, as it was given, and nothing else."""
        return Said(text=text)

    return server


@pytest.mark.parametrize("name", ["speech_say", "speech_tell", "speech_utter"])
async def test_a_renamed_tool_is_listed_once_and_called_by_any_of_its_names(name: str) -> None:
    async with Client(renamed()) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["speech_say"]
        assert (await client.call_tool(name, {"text": "hello"})).structured_content == {"text": "hello"}
    school = ToolServer("school", instructions="", tools=[namespaced(tool, "my") for tool in renamed().own_tools])
    async with Client(school) as client:
        assert (await client.call_tool(f"my_{name}", {"text": "hello"})).structured_content == {"text": "hello"}
    async with Client(lean([renamed()])) as client:
        called: Any = await client.call_tool("tools_call_read", {"name": name, "arguments": {"text": "hello"}})
        assert called.structured_content == {"tool": "speech_say", "result": {"text": "hello"}}


def test_no_former_name_is_taken_by_another_tool(tmp_path: Path) -> None:
    tools = [t for server in make_all([], Settings(home=tmp_path), Services(tmp_path)) for t in server.own_tools]
    called = [name for tool in tools for name in (tool.name, *getattr(tool, "formerly", ()))]
    assert len(called) == len(set(called))


async def test_servers_that_are_made_later_offer_nothing_but_tools(tmp_path: Path) -> None:
    later = [name for name in cards() if name not in AT_ONCE]
    for server in make_all(later, Settings(home=tmp_path), Services(tmp_path)):
        offered = [await server.list_resources(), await server.list_resource_templates(), await server.list_prompts()]
        assert offered == [[], [], []], f"{server.name} belongs in AT_ONCE"
        assert not {tool.name for tool in server.own_tools} & set(DEFAULT)
