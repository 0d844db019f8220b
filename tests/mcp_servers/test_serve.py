"""What a client is served: a lean set by default, the rest found and called by name, or any choice of tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from mcp import Client

from lyceum.errors import UserError
from lyceum.settings import Settings
from mcp_servers.serve import Choice, combined

REQUESTS = yaml.safe_load((Path(__file__).parent / "further_tools.yaml").read_text(encoding="utf-8"))


async def names(home: Path, choice: Choice) -> list[str]:
    async with Client(combined(Settings(home=home), choice)) as client:
        return [tool.name for tool in (await client.list_tools()).tools]


async def call(client: Any, tool: str, **arguments: Any) -> Any:
    return await client.call_tool(tool, arguments)


async def test_a_further_tool_is_found_and_called_by_its_own_rules(tmp_path: Path) -> None:
    async with Client(combined(Settings(home=tmp_path))) as client:
        found = await call(client, "tools_search", query="days between two dates")
        tool = found.structured_content["tools"][0]
        assert (tool["name"], tool["call_with"]) == ("basics_days_between", "tools_call_read")
        assert set(tool["parameters"]["required"]) == {"start", "end"}
        given = {"start": "2024-03-03", "end": "2025-07-01"}
        answer = await call(client, "tools_call_read", name="basics_days_between", arguments=given)
        assert answer.structured_content["result"]["days"] == 485
        missing = await call(client, "tools_call_read", name="basics_days_between", arguments={"start": "2024-03-03"})
        assert missing.is_error
        assert "end" in missing.content[0].text
        strange = await call(client, "tools_call_read", name="basics_days_between", arguments={**given, "x": 1})
        assert "has no parameter 'x'" in strange.content[0].text
        unknown = await call(client, "tools_call_read", name="basics_days_betwen", arguments=given)
        assert "basics_days_between" in unknown.content[0].text


async def test_what_changes_things_is_never_called_as_if_it_read(tmp_path: Path) -> None:
    async with Client(combined(Settings(home=tmp_path))) as client:
        refused = await call(client, "tools_call_read", name="retrieval_delete", arguments={"collection": "notes"})
        assert refused.is_error
        assert "tools_call_write" in refused.content[0].text
    reading = await names(tmp_path, Choice(read_only=True))
    assert "tools_search" in reading
    assert not {"tools_call_write", "retrieval_ingest"} & set(reading)
    async with Client(combined(Settings(home=tmp_path), Choice(read_only=True))) as client:
        hidden = await call(client, "tools_call_read", name="retrieval_delete", arguments={"collection": "notes"})
        assert "There is no further tool" in hidden.content[0].text


async def test_most_further_tools_are_among_the_first_three_found(tmp_path: Path) -> None:
    async with Client(combined(Settings(home=tmp_path))) as client:
        found = [
            case["tool"]
            in [
                t["name"]
                for t in (await call(client, "tools_search", query=case["request"], limit=3)).structured_content[
                    "tools"
                ]
            ]
            for case in REQUESTS
        ]
    assert sum(found) >= 0.9 * len(found)


async def test_servers_and_tools_are_chosen_left_out_and_renamed(tmp_path: Path) -> None:
    course = await names(tmp_path, Choice(toolsets=["course"]))
    assert {name.split("_")[0] for name in course} == {"course"}
    assert await names(tmp_path, Choice(tools=["sql_query", "course_read"])) == ["course_read", "sql_query"]
    without = await names(tmp_path, Choice(toolsets=["course"], without=["course_read"]))
    assert set(course) - set(without) == {"course_read"}
    renamed = await names(tmp_path, Choice(toolsets=["course"], namespace="school"))
    assert renamed == [f"school_{name}" for name in course]
    with pytest.raises(UserError, match="no tool 'sql_qery'"):
        combined(Settings(home=tmp_path), Choice(tools=["sql_qery"]))
