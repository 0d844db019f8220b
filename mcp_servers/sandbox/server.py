"""The sandbox tools: run code, and say how safely it would run."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from lyceum.settings import Section, Settings
from mcp_servers.sandbox.execution import Execution
from mcp_servers.server import ToolServer
from mcp_servers.services import Services


class SandboxSettings(Section):
    seconds: float = Field(default=30, gt=0, le=300, description="Longest time any run may take.")


class Status(BaseModel):
    tier: str = Field(description="The first tier that works here, or an empty string.")
    missing: dict[str, str] = Field(description="What each other tier lacks, and how to get it.")


def create_server(settings: Settings, services: Services) -> ToolServer:
    del services
    limits = settings.section("sandbox", SandboxSettings)
    server = ToolServer("sandbox", instructions="Runs Python in isolation and returns what it printed.")

    @server.expose(title="Run Python", effect="run")
    async def sandbox_run(
        code: Annotated[str, Field(description="Python source. Print what you need to see.", max_length=100_000)],
        language: Annotated[Literal["python"], Field(description="Only Python runs here.")] = "python",
        timeout_seconds: Annotated[float, Field(description="Stop after this many seconds.", ge=0.1, le=300)] = 10,
    ) -> Execution:
        """Run Python with no file, network or environment of the host. Returns stdout, stderr, the value of the last
        expression and the error it ended with, if any. Each run starts fresh.
        """
        from mcp_servers.sandbox.tiers import run

        del language
        return await asyncio.to_thread(run, code, min(timeout_seconds, limits.seconds))

    @server.expose(title="Sandbox status", effect="read")
    async def sandbox_status() -> Status:
        """Say which sandbox tier works on this machine and what the others lack."""
        from mcp_servers.sandbox.tiers import reached

        probes = await asyncio.to_thread(reached)
        tier = next((name for name, missing in probes.items() if not missing), "")
        return Status(tier=tier, missing={name: missing for name, missing in probes.items() if missing})

    return server
