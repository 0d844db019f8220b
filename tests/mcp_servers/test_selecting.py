"""Parts of long results: chosen fields and pages, of tools that are listed and of those that are called by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import jsonschema
import pytest
from mcp import Client
from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from lyceum.settings import Settings
from mcp_servers.lean import lean
from mcp_servers.selecting import PAGE, Records, selectable
from mcp_servers.serve import Choice, combined
from mcp_servers.server import ToolServer


class Ship(BaseModel):
    id: str
    name: str
    cargo: str


class Ships(BaseModel):
    harbour: str
    ships: list[Ship]


def harbour(many: int) -> ToolServer:
    server = ToolServer("harbour", instructions="")
    ships = [Ship(id=f"s{n}", name=f"Ship {n}", cargo="barrels " * 10) for n in range(many)]

    @server.expose(title="List ships", effect="read", records=Records("ships"))
    async def harbour_ships(
        limit: Annotated[int, Field(description="How many.", ge=1, le=50)] = 10, letter: str = ""
    ) -> Ships:
        """List the ships of a harbour whose name has a letter."""
        return Ships(harbour="north", ships=[ship for ship in ships if letter in ship.name][:limit])

    @server.expose(title="List all ships", effect="read", records=Records("ships"))
    async def harbour_all() -> Ships:
        """List all the ships that were ever seen in the harbour."""
        return Ships(harbour="north", ships=ships)

    return ToolServer("served", instructions="", tools=[selectable(tool) for tool in server.own_tools])


def said(result: CallToolResult) -> str:
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


@pytest.mark.parametrize("many", [0, 9, 10, 11, 37, 50, 80])
@pytest.mark.parametrize("tool", ["harbour_ships", "harbour_all"])
async def test_pages_beside_each_other_are_the_whole(tool: str, many: int) -> None:
    seen: list[str] = []
    many = many * 3 if tool == "harbour_all" else many
    async with Client(harbour(many)) as client:
        asked: dict[str, Any] = {"letter": "Ship"} if tool == "harbour_ships" else {}
        cursor = ""
        for _ in range(20):
            answer = (
                await client.call_tool(tool, {**asked, **({"cursor": cursor} if cursor else {})})
            ).structured_content
            assert answer is not None
            assert len(answer["ships"]) <= (10 if tool == "harbour_ships" else PAGE)
            seen += [ship["id"] for ship in answer["ships"]]
            cursor = answer.get("next_cursor", "")
            if not cursor:
                break
    assert seen == [f"s{n}" for n in range(min(many, 50) if tool == "harbour_ships" else many)]


async def test_only_the_fields_asked_for_are_sent_and_the_id_stays() -> None:
    async with Client(harbour(3)) as client:
        result = await client.call_tool("harbour_ships", {"fields": ["name"], "limit": 2})
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
    expected = {"harbour": "north", "ships": [{"id": "s0", "name": "Ship 0"}, {"id": "s1", "name": "Ship 1"}]}
    content = dict(result.structured_content or {})
    assert json.loads(said(result)) == content, "the text says the same"
    jsonschema.validate(content, schemas["harbour_ships"] or {})
    assert content.pop("next_cursor")
    assert content == expected


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"fields": ["nome"]}, "id, name, cargo"),
    ({"fields": "nome"}, "id, name, cargo"),
    ({"fields": [{}]}, "id, name, cargo"),
    ({"cursor": "x"}, "of another call"),
    ({"cursor": 7}, "of another call"),
    ({"cursor": "é" * 9}, "of another call"),
    ({"limit": "many"}, "minimum 1"),
]


@pytest.mark.parametrize(("given", "told"), WRONG)
async def test_what_is_no_field_and_no_cursor_is_told_what_to_send(given: dict[str, Any], told: str) -> None:
    async with Client(harbour(30)) as client:
        result = await client.call_tool("harbour_ships", given)
    assert result.is_error
    assert told in said(result)


async def test_a_cursor_is_good_for_its_own_call_only() -> None:
    async with Client(harbour(30)) as client:
        first: Any = (await client.call_tool("harbour_ships", {})).structured_content
        other = await client.call_tool("harbour_ships", {"letter": "1", "cursor": first["next_cursor"]})
        names = await client.call_tool("harbour_ships", {"cursor": first["next_cursor"], "fields": ["name"]})
    assert other.is_error
    assert not names.is_error, "other fields may be asked for on the next page"


async def test_a_tool_called_by_name_gives_parts_as_well() -> None:
    async with Client(lean([harbour(30)])) as client:
        found: Any = await client.call_tool("tools_search", {"query": "ships", "limit": 1})
        assert {"fields", "cursor"} <= set(found.structured_content["tools"][0]["parameters"]["properties"])
        arguments = {"name": "harbour_ships", "arguments": {"limit": 1, "fields": ["name"]}}
        called: Any = await client.call_tool("tools_call_read", arguments)
    assert called.structured_content["result"]["ships"] == [{"id": "s0", "name": "Ship 0"}]


async def test_the_tools_that_are_served_take_fields_of_records_that_they_have(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    async with Client(combined(Settings(home=tmp_path), Choice(toolsets=["all"]))) as client:
        tools = (await client.list_tools()).tools
        taking = [tool for tool in tools if "fields" in tool.input_schema["properties"]]
        assert len(taking) >= 17
        for tool in taking:
            told = await client.call_tool(tool.name, {"fields": ["no such field"]})
            assert told.is_error
            assert "send a list of some of" in said(told), tool.name
        asked = {"query": "What is attention?", "limit": 2}
        course: Any = await client.call_tool("course_search", {**asked, "fields": ["title"]})
        more: Any = await client.call_tool(
            "course_search", {**asked, "cursor": course.structured_content["next_cursor"]}
        )
        four: Any = await client.call_tool("course_search", {**asked, "limit": 4})
    assert [set(each) for each in course.structured_content["sources"]] == [{"id", "title"}] * 2
    ids = [each["id"] for each in (*course.structured_content["sources"], *more.structured_content["sources"])]
    assert ids == [each["id"] for each in four.structured_content["sources"]]
