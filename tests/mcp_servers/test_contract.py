"""The contract that every tool server keeps, whoever wrote it; a new server is covered by being in the folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from lyceum.settings import Settings
from mcp_servers.catalogue import cards, make, make_all
from mcp_servers.server import combine
from mcp_servers.services import Services

SERVERS = sorted(cards())


def indirections(node: Any) -> list[str]:
    if isinstance(node, dict):
        found = [key for key in ("$ref", "$defs", "anyOf") if key in node]
        return found + [name for value in node.values() for name in indirections(value)]
    return [name for value in node for name in indirections(value)] if isinstance(node, list) else []


@pytest.mark.parametrize("name", SERVERS)
async def test_every_tool_tells_a_model_all_it_needs(name: str, tmp_path: Path) -> None:
    async with Client(make(name, Settings(home=tmp_path), Services(tmp_path))) as client:
        tools = (await client.list_tools()).tools
    assert tools
    for tool in tools:
        assert tool.name.startswith(f"{name}_"), "names are unique by their server's prefix"
        assert tool.title
        assert len(tool.description or "") > 30, tool.name
        hints = tool.annotations
        assert hints is not None
        four = (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint)
        assert all(isinstance(hint, bool) for hint in four), tool.name
        assert tool.output_schema, tool.name
        assert not indirections(tool.input_schema), tool.name
        for parameter, schema in tool.input_schema.get("properties", {}).items():
            assert schema.get("description"), f"{tool.name}.{parameter}"
            if schema.get("type") == "string" and "enum" not in schema and "const" not in schema:
                assert "maxLength" in schema or "pattern" in schema, f"{tool.name}.{parameter} is unbounded"
            if schema.get("type") in ("integer", "number"):
                assert {"minimum", "maximum"} <= set(schema), f"{tool.name}.{parameter} is unbounded"


@pytest.mark.parametrize("name", SERVERS)
async def test_wrong_arguments_are_answered_with_what_to_send(name: str, tmp_path: Path) -> None:
    async with Client(make(name, Settings(home=tmp_path), Services(tmp_path))) as client:
        for tool in (await client.list_tools()).tools:
            result = await client.call_tool(tool.name, {"no_such_parameter": 1})
            assert result.is_error
            text = result.content[0].text  # type: ignore[union-attr]
            assert "no_such_parameter" in text
            assert "It takes" in text
            if tool.input_schema.get("required"):
                missing = await client.call_tool(tool.name, {})
                assert missing.is_error
                assert "was not called" in missing.content[0].text  # type: ignore[union-attr]


async def test_text_is_compact_json_equal_to_the_structured_content(tmp_path: Path) -> None:
    servers = make_all([], Settings(home=tmp_path), Services(tmp_path))
    calls: list[tuple[str, dict[str, Any]]] = [
        ("course_search", {"query": "What is attention?"}),
        ("sql_databases", {}),
        ("sql_query", {"sql": "SELECT Name FROM Genre ORDER BY GenreId LIMIT 2"}),
        ("sandbox_run", {"code": "1 + 1"}),
        ("retrieval_list", {}),
    ]
    async with Client(combine("lyceum", servers)) as client:
        for tool, arguments in calls:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, result.content
            text = result.content[0].text  # type: ignore[union-attr]
            assert json.loads(text) == result.structured_content
            assert "\n" not in text


def test_listing_the_catalogue_imports_no_server() -> None:
    code = (
        "import sys; from app.cli import main; main(['mcp', 'list']);"
        "loaded = [m for m in sys.modules if m.startswith('mcp_servers.') and m.endswith('.server')];"
        "heavy = [m for m in ('mcp', 'pydantic_ai', 'duckdb', 'sqlglot') if m in sys.modules];"
        "sys.exit(f'{loaded} {heavy}' if loaded or heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in SERVERS)


async def test_one_process_serves_them_all_over_stdio(tmp_path: Path) -> None:
    from mcp.client.stdio import StdioServerParameters, stdio_client

    code = "import sys; from app.cli import main; sys.exit(main(['mcp', 'serve']))"
    parameters = StdioServerParameters(command=sys.executable, args=["-c", code], env={"LYCEUM_HOME": str(tmp_path)})
    async with Client(stdio_client(parameters)) as client:
        names = {tool.name.split("_")[0] for tool in (await client.list_tools()).tools}
        answer = await client.call_tool("sql_query", {"sql": "SELECT COUNT(*) AS n FROM Track"})
    assert names == set(SERVERS)
    assert answer.structured_content is not None
    assert answer.structured_content["rows"] == [[3503]]
