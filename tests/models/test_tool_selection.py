"""The tool that a request is for is found among all tools of all servers, by words and by meaning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from mcp import Client
from pydantic_ai.tools import ToolDefinition

from lyceum.errors import Unavailable
from lyceum.settings import Settings
from mcp_servers.catalogue import make_all
from mcp_servers.server import combine
from mcp_servers.services import Services
from models.offline.select import select

REQUESTS = yaml.safe_load((Path(__file__).parent / "tool_requests.yaml").read_text(encoding="utf-8"))


@pytest.fixture
async def tools(tmp_path: Path) -> list[ToolDefinition]:
    server = combine("lyceum", make_all([], Settings(home=tmp_path), Services(tmp_path)))
    async with Client(server) as client:
        listed = (await client.list_tools()).tools
    return [
        ToolDefinition(name=tool.name, description=tool.description, parameters_json_schema=tool.input_schema)
        for tool in listed
    ]


def right(tools: Sequence[ToolDefinition]) -> tuple[int, int]:
    """Return how many of 26 requests get their tool, and how many of 6 that no tool is for get none."""
    chosen = [(case["tool"], getattr(select(case["request"], tools), "name", "none")) for case in REQUESTS]
    return (
        sum(wanted == got for wanted, got in chosen if wanted != "none"),
        sum(got == "none" for wanted, got in chosen if wanted == "none"),
    )


async def test_of_26_requests_most_get_their_tool_and_what_no_tool_is_for_gets_none(
    tools: list[ToolDefinition],
) -> None:
    found, refused = right(tools)
    assert found >= 23
    assert refused == 6
    assert right(tools) == (found, refused), "the same request gets the same tool"


async def test_without_the_embedding_model_words_decide(
    tools: list[ToolDefinition], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Any:
        raise Unavailable("There is no embedding model here.")

    monkeypatch.setattr("models.embeddings.default_embedder", missing)
    found, refused = right(tools)
    assert found >= 17
    assert refused == 6


async def test_words_that_decide_cost_no_embedding(tools: list[ToolDefinition]) -> None:
    class Forbidden:
        name = "forbidden"
        dimensions = 1

        def embed(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
            raise AssertionError(texts)

    chosen = select("Is the sandbox working on this machine?", tools, Forbidden())
    assert chosen is not None
    assert chosen.name == "sandbox_status"


def test_where_there_is_no_tool_or_no_topic_none_is_chosen() -> None:
    assert select("anything at all", []) is None
    assert select("", [ToolDefinition(name="sandbox_run")]) is None
