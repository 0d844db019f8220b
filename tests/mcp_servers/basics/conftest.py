"""The basics server, called over MCP as any client would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from lyceum.settings import Settings
from mcp_servers.catalogue import make
from mcp_servers.services import Services


class Refused(Exception):
    """What a tool said instead of answering."""


@pytest.fixture
def call(tmp_path: Path) -> Callable[..., Any]:
    """Call a tool and return its structured answer; raises `Refused` with the tool's words."""

    async def call(tool: str, **arguments: Any) -> dict[str, Any]:
        async with Client(make("basics", Settings(home=tmp_path), Services(tmp_path))) as client:
            result = await client.call_tool(tool, arguments)
        if result.is_error:
            raise Refused(result.content[0].text)  # type: ignore[union-attr]
        return dict(result.structured_content or {})

    return call
