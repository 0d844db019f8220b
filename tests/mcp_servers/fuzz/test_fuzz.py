"""Whatever is sent to a tool, it answers: with a result, or with an error that says what to send instead."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator
from contextlib import ExitStack, chdir
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from mcp import Client
from mcp_types import CallToolResult

from lyceum.settings import Settings
from mcp_servers.catalogue import cards
from mcp_servers.sealing import home_key
from mcp_servers.serve import Choice, combined
from tests.mcp_servers.fuzz.shapes import confused, fitting

SECRET = "sk-planted-0123456789abcdef"
SECONDS = 30.0  # for one call on a busy machine
Sweep = Callable[[str, int], int]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Generator[Sweep]:
    """Call each tool whose name begins so with so many arguments of each kind; returns how many tools there were."""
    home = tmp_path_factory.mktemp("home")
    key = home_key(home)
    # Where Lyceum is installed is nobody's business; its home and folder are those of the user who asks.
    leaks = [SECRET, str(Path(__file__).parents[3]), "site-packages", "Traceback (most", 'File \\"', key.hex()]
    with ExitStack() as stack:
        stack.enter_context(chdir(home))
        stack.enter_context(mock.patch.dict(os.environ, {"PLANTED_TOKEN": SECRET, "HOME": str(home)}))
        portal = stack.enter_context(start_blocking_portal())
        servers = [combined(Settings(home=home), choice) for choice in (Choice(toolsets=["all"]), Choice())]
        clients = [stack.enter_context(portal.wrap_async_context_manager(Client(server))) for server in servers]
        tools = {tool.name: (client, tool) for client in clients for tool in portal.call(client.list_tools).tools}

        def call(client: Client, name: str, arguments: dict[str, Any]) -> CallToolResult:
            async def answered() -> CallToolResult:
                with anyio.fail_after(SECONDS):
                    return await client.call_tool(name, arguments)

            return portal.call(answered)

        def called_and_checked(client: Client, name: str, arguments: dict[str, Any]) -> None:
            check(name, arguments, call(client, name, arguments), leaks)

        def go(prefix: str, examples: int) -> int:
            chosen = [each for name, each in tools.items() if name.startswith(prefix)]
            for client, tool in chosen:
                for shape in (fitting(tool.input_schema), confused(tool.input_schema)):
                    every(shape, examples, partial(called_and_checked, client, tool.name))
            return len(chosen)

        yield go


def every(shape: st.SearchStrategy[dict[str, Any]], examples: int, check: Callable[[dict[str, Any]], None]) -> None:
    """Check so many values of a shape, the same ones each time."""
    given(shape)(
        settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(lambda arguments: check(arguments))
    )()


def check(name: str, arguments: dict[str, Any], result: CallToolResult, leaks: list[str]) -> None:
    said = " ".join(getattr(part, "text", "") for part in result.content)
    whole = json.dumps(result.model_dump(mode="json"))
    sent = json.dumps(arguments)
    if name.startswith("sandbox_"):  # what the code that was sent ended with is the answer there
        leaks = [leak for leak in leaks if leak not in ("Traceback (most", 'File \\"')]
    assert not [leak for leak in leaks if leak in whole and leak not in sent], (name, arguments, said[:500])
    if result.is_error:
        assert not said.startswith("Error executing"), f"{name} crashed: {arguments}"
        sentences = [part for part in said.replace("; ", ". ").split(". ") if part.strip()]
        assert len(sentences) > 1 or said.startswith(("Send", "Use", "Name", "Choose")), (
            f"{name} does not say what to send instead: {said!r}"
        )
        assert len(said) < 4000, f"{name} says too much: {said[:500]}"


@pytest.mark.parametrize("tools", ["tools_call", "sql_", "course_g", "basics_d", "tokenizers_l", "workspace_r"])
def test_a_few_strange_arguments_are_answered(sweep: Sweep, tools: str) -> None:
    assert sweep(tools, 1)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("server", [*sorted(cards()), "tools"])
def test_strange_arguments_to_every_tool_are_answered(sweep: Sweep, server: str) -> None:
    assert sweep(f"{server}_", 3)
