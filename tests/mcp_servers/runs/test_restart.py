"""A server that is killed in the middle is started again: it answers for its tasks, and research goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx2
import pytest

from tests.mcp_servers.tasks.caller import Caller

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CODE = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"


@contextlib.asynccontextmanager
async def served(home: Path) -> AsyncGenerator[Caller]:
    """Serve in a process of its own, which is killed at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["mcp", "serve", "--toolsets", "runs", "--conformance", "--transport", "http", "--port", str(port)]
    env = {"LYCEUM_HOME": str(home), "LYCEUM_MODEL": "offline", "PATH": os.environ["PATH"]}
    with (home / "server.log").open("ab") as log:
        server = await asyncio.create_subprocess_exec(sys.executable, "-c", CODE, *options, env=env, stderr=log)
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.1)
                else:
                    writer.close()
                    break
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            yield Caller(http)
    finally:
        server.kill()
        await server.wait()


async def test_a_killed_server_answers_again_and_research_goes_on(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "pump.md").write_text("# Pump\n\nThe pump weighs 14 kg.\n\nThe pump is made by Hallberg in Lund.\n")
    async with served(tmp_path) as caller:
        question = "How much does the pump weigh and who makes it?"
        research = (await caller.call("runs_research", question=question, sources=[f"docs:{documents}"]))["taskId"]
        waiting = await caller.until(research, "input_required", seconds=60)
        call = (await caller.call("slow_compute", seconds=120))["taskId"]
        assert (await caller.task(call))["status"] == "working"
    async with served(tmp_path) as caller:
        lost = await caller.task(call)
        assert lost["status"] == "failed"
        assert "call the tool again" in lost["error"]["message"]
        assert (await caller.task(research))["inputRequests"] == waiting["inputRequests"]
        answers = {key: {"action": "accept", "content": {"approve": True}} for key in waiting["inputRequests"]}
        await caller("tasks/update", taskId=research, inputResponses=answers)
        await caller.until(research, "working", "completed", seconds=10)
    async with served(tmp_path) as caller:
        done = await caller.until(research, "completed", seconds=100)
        assert "14 kg" in done["result"]["content"][0]["text"]
