"""A small repository, and the workspace server over it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from lyceum.settings import Settings
from mcp_servers.catalogue import make
from mcp_servers.services import Services

Tool = Callable[..., Awaitable[dict[str, Any]]]


class RefusedError(Exception):
    """What a tool said instead of a result."""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "src").mkdir(parents=True)
    (root / "src" / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    (root / "test_calc.py").write_text("from calc import add\n\n\ndef test_add():\n    assert add(2, 1) == 3\n")
    return root


@pytest.fixture
def tool(repository: Path, tmp_path: Path) -> Tool:
    """Call a workspace tool on the repository; raises RefusedError with its words."""

    home = tmp_path / "state"
    settings = Settings(home=home, servers={"workspace": {"roots": [str(repository)]}})
    server = make("workspace", settings, Services(home))

    async def tool(name: str, **arguments: Any) -> dict[str, Any]:
        async with Client(server) as client:
            result = await client.call_tool(f"workspace_{name}", arguments)
        if result.is_error:
            raise RefusedError(result.content[0].text)  # type: ignore[union-attr]
        assert result.structured_content is not None
        return result.structured_content

    return tool
