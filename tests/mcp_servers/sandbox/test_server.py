"""The sandbox over MCP: live output, cancelling, files and pictures."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from lyceum.artifacts import FolderArtifacts
from lyceum.settings import Settings
from mcp_servers.catalogue import make
from mcp_servers.sandbox.packages import Packages
from mcp_servers.sandbox.tiers import fullest
from mcp_servers.services import Services

FULL = fullest()
pytestmark = pytest.mark.skipif(FULL is None, reason="no tier of full Python here")
FULL_PYTHON = "import subprocess\n"  # which the subset has not


def served(home: Path) -> Client:
    settings = Settings(home=home, servers={"sandbox": {"spare": 0, "seconds": 60}})
    return Client(make("sandbox", settings, Services(home)))


async def called(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content or {}


async def test_output_arrives_while_the_code_runs_and_cancelling_kills_it(tmp_path: Path) -> None:
    async with served(tmp_path) as client:
        context = (await called(client, "sandbox_create_context"))["id"]
        heard: list[str] = []
        begun = asyncio.Event()

        async def progress(_done: float, _total: float | None, message: str | None) -> None:
            heard.append(message or "")
            begun.set()

        code = "import time\nprint('first')\ntime.sleep(300)\nprint('second')"
        running = asyncio.create_task(
            client.call_tool(
                "sandbox_run",
                {"code": code, "context": context, "timeout_seconds": 60},
                progress_callback=progress,
            )
        )
        await asyncio.wait_for(begun.wait(), 30)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert heard == ["first\n"]
        for _ in range(200):
            listed = (await called(client, "sandbox_list_contexts"))["contexts"]
            if listed[0]["ended"]:
                break
            await asyncio.sleep(0.05)
        assert listed[0]["ended"].startswith("Cancelled")


async def test_files_go_in_and_out_by_artifact(tmp_path: Path) -> None:
    async with served(tmp_path) as client:
        artifacts = FolderArtifacts(tmp_path / "artifacts")
        table = await artifacts.put(b"a,b\n1,2\n", media_type="text/csv", name="t.csv")
        code = FULL_PYTHON + "rows = open('in/t.csv').read()\nopen('out.txt', 'w').write(rows.upper())"
        done = await called(client, "sandbox_run", code=code, files={"in/t.csv": table.sha256})
        made = done["files"][0]
        assert (made["name"], made["media_type"]) == ("out.txt", "text/plain")
        assert await artifacts.get(made["sha256"]) == b"A,B\n1,2\n"
        unknown = await client.call_tool("sandbox_run", {"code": "1", "files": {"x": "0" * 64}})
        assert unknown.is_error


async def test_what_was_asked_wrongly_is_answered_with_what_to_do(tmp_path: Path) -> None:
    async with served(tmp_path) as client:
        for tool, arguments, answer in (
            ("sandbox_read_file", {"context": "ctx-none", "path": "x"}, "sandbox_create_context"),
            ("sandbox_run", {"code": "1", "context": "ctx-none"}, "sandbox_create_context"),
            ("sandbox_run", {"code": "1", "timeout_seconds": 0}, "minimum 0.1"),
        ):
            result = await client.call_tool(tool, arguments)
            assert result.is_error
            assert answer in result.content[0].text  # type: ignore[union-attr]


async def test_a_missing_package_is_answered_with_what_there_is(tmp_path: Path) -> None:
    async with served(tmp_path) as client:
        done = await called(client, "sandbox_run", code="import requests")
        assert done["error"]["name"] == "ModuleNotFoundError"
        assert "lyceum doctor --fix" in done["error"]["value"]


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_charts_come_as_pictures_and_numbers_from_prepared_packages(tmp_path: Path) -> None:
    packages = Packages(tmp_path)
    installed = await asyncio.to_thread(packages.install)
    assert packages.installed() == installed
    assert {"numpy", "pandas", "matplotlib", "openpyxl"} <= set(packages.names())
    code = (
        "import pandas as pd, matplotlib.pyplot as plt\n"
        "table = pd.DataFrame({'x': [1, 2, 3], 'y': [2.0, float('nan'), 6.0]})\n"
        "plt.plot(table.x, table.y, label='y')\nplt.title('Three points')\n"
        "table.to_excel('table.xlsx')"
    )
    async with Client(make("sandbox", Settings(home=tmp_path), Services(tmp_path))) as client:
        result = await client.call_tool("sandbox_run", {"code": code, "timeout_seconds": 30})
        status = await called(client, "sandbox_status")
    assert result.structured_content is not None
    assert result.structured_content.get("error") is None
    chart = result.structured_content["results"][-1]
    assert chart["text"] == "Three points"
    assert chart["chart"]["axes"][0]["series"][0]["points"] == [[1.0, 2.0], [2.0, None], [3.0, 6.0]]
    assert [part.type for part in result.content] == ["text", "image"]
    assert [each["name"] for each in result.structured_content["files"]] == ["table.xlsx"]
    assert "pandas" in status["packages"]
