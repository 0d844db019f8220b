"""The tokenizer server in memory, on a home of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from lyceum.settings import Settings
from mcp_servers.catalogue import make
from mcp_servers.services import Services

Call = Callable[..., Any]

TEXT = "low lower lowest new newer newest wide wider widest\n" * 20 + "naïve café, 漢字\n" * 3


class Refused(Exception):
    """The tool's own words about a call that it did not carry out."""


@pytest.fixture
def tokenizers(tmp_path: Path) -> Callable[[], Any]:
    """Open the server; the value calls a tool by its short name and returns its result, or raises Refused."""

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Call]:
        async with Client(make("tokenizers", Settings(home=tmp_path), Services(tmp_path))) as client:

            async def call(tool: str, **arguments: Any) -> dict[str, Any]:
                result = await client.call_tool(f"tokenizers_{tool}", arguments)
                if result.is_error:
                    raise Refused(result.content[0].text)  # type: ignore[union-attr]
                return result.structured_content or {}

            yield call

    return opened
