"""A home with third-party servers in its `mcp.json`, and the product, the command and the wire around it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

HOSTILE = str(Path(__file__).with_name("hostile.py"))
SECRET = "sk-secret-123456"


def entry(behaviour: str = "good", **more: Any) -> dict[str, Any]:
    """A server that behaves as told, and is given a secret."""
    env = {"WEATHER_KEY": "${WEATHER_KEY}", "HOSTILE_STATE": "${HOSTILE_STATE:-/nonexistent}"}
    return {"command": sys.executable, "args": [HOSTILE, behaviour], "env": env, "timeout": 1, **more}


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep out of the keyring of whoever runs the tests."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write `mcp.json` of the home (or of `folder`), with these servers; returns its path."""
    monkeypatch.setenv("WEATHER_KEY", SECRET)
    monkeypatch.chdir(tmp_path)

    def configure(folder: Path | None = None, **servers: dict[str, Any]) -> Path:
        path = (folder or tmp_path / "home") / "mcp.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"mcpServers": {name.replace("_", "-"): each for name, each in servers.items()}}))
        return path

    return configure


@pytest.fixture
def third_party(tmp_path: Path) -> Callable[..., Any]:
    """Open the third-party servers of the home as a process does, with short waits."""
    from app.third_party.connected import ThirdParty
    from app.third_party.limits import Limits
    from lyceum.artifacts import FolderArtifacts

    @asynccontextmanager
    async def opened(**limits: Any) -> AsyncGenerator[ThirdParty]:
        given = Limits(**{"start": 1.5, "listing": 1.0, "leave": 0.1, **limits})
        artifacts = FolderArtifacts(tmp_path / "home" / "artifacts")
        made = ThirdParty(
            tmp_path / "home", tmp_path, artifacts, os.environ, taken=frozenset({"sql", "course"}), limits=given
        )
        try:
            yield made
        finally:
            await made.close()

    return opened


@pytest.fixture
def pin(third_party: Callable[..., Any]) -> Callable[..., Any]:
    """Approve all that a server lists now."""

    async def pin(name: str = "weather") -> None:
        async with third_party() as others:
            server = others.load().servers[name]
            others.pins.pin(server, list((await others.connection(server).list()).values()))

    return pin
