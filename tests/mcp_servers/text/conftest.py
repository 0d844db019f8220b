"""The text server as a client meets it, alone or with a language model behind a provider's real wire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from lyceum.settings import Settings
from mcp_servers.catalogue import make
from mcp_servers.services import Services


async def call(home: Path, tool: str, settings: Settings | None = None, **arguments: Any) -> dict[str, Any]:
    """Call a tool and return its structured content, or `{"error": text}`; offline unless settings say otherwise."""
    given = settings or Settings(home=home, offline=True)
    async with Client(make("text", given, Services(home))) as client:
        result = await client.call_tool(tool, arguments)
    if result.is_error:
        return {"error": result.content[0].text}  # type: ignore[union-attr]
    return dict(result.structured_content or {})


def hosted(home: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings by which a practice provider answers."""
    import pydantic_ai.models

    monkeypatch.setattr(pydantic_ai.models, "ALLOW_MODEL_REQUESTS", True)
    provider = {"base_url": f"{url}/v1", "api_key": "unused"}
    return Settings.model_validate({"home": home, "model": "openai-compatible:stand-in", "provider": provider})
