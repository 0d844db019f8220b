"""The contract that every tool server keeps, whoever wrote it; a new server is covered by being in the folder."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
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


def unbounded(schema: dict[str, Any], place: str = "") -> list[str]:
    """Where a parameter could be of any size: long texts, endless lists, numbers without limits, at any depth."""
    kind = schema.get("type")
    if kind == "string":
        return [] if {"enum", "const", "maxLength", "pattern"} & set(schema) else [f"{place} string"]
    if kind in ("integer", "number"):
        return [] if {"minimum", "maximum"} <= set(schema) or "enum" in schema else [f"{place} number"]
    if kind == "array":
        own = [] if "maxItems" in schema else [f"{place} array"]
        return own + unbounded(schema.get("items", {}), f"{place}[]")
    found: list[str] = []
    for name, inner in schema.get("properties", {}).items():
        found += unbounded(inner, f"{place}.{name}")
    return found


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
        assert not [name for name in indirections(tool.output_schema) if name != "anyOf"], tool.name
        for parameter, schema in tool.input_schema.get("properties", {}).items():
            assert schema.get("description"), f"{tool.name}.{parameter}"
            assert not unbounded(schema), f"{tool.name}.{parameter} is unbounded: {unbounded(schema)}"


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

    code = "import sys; from app.cli import main; sys.exit(main(['mcp', 'serve', '--toolsets', 'all']))"
    parameters = StdioServerParameters(command=sys.executable, args=["-c", code], env={"LYCEUM_HOME": str(tmp_path)})
    async with Client(stdio_client(parameters)) as client:
        names = {tool.name.split("_")[0] for tool in (await client.list_tools()).tools}
        answer = await client.call_tool("sql_query", {"sql": "SELECT COUNT(*) AS n FROM Track"})
    assert names == set(SERVERS)
    assert answer.structured_content is not None
    assert answer.structured_content["rows"] == [[3503]]


@pytest.fixture
def served(tmp_path: Path) -> Generator[int]:
    """Serve the course over HTTP in a process of its own; gives its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"
    options = ["mcp", "serve", "--toolsets", "course", "--transport", "http", "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *options],
        env={"LYCEUM_HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


async def test_http_serves_the_same_tools_and_checks_host_and_origin(served: int) -> None:
    address = f"http://127.0.0.1:{served}/mcp"
    async with Client(address) as client:
        answer = await client.call_tool("course_search", {"query": "What is attention?"})
        assert answer.structured_content
    hello = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accepts = {"accept": "application/json, text/event-stream"}
    async with httpx2.AsyncClient() as web:
        forged = await web.post(address, json=hello, headers={**accepts, "host": "evil.example"})
        foreign = await web.post(address, json=hello, headers={**accepts, "origin": "https://evil.example"})
    assert (forged.status_code, foreign.status_code) == (421, 403)
