"""A server ends with its client, also when the client is killed in the middle of a call, and leaves no process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mcp_servers.leaving import GRACE, descendants

SERVER = """
import asyncio, subprocess, sys, time
from pydantic import BaseModel
from mcp_servers import leaving
from mcp_servers.serve import serve
from mcp_servers.server import ToolServer

class Nothing(BaseModel):
    pass

server = ToolServer("test", instructions="")

@server.expose(title="Stick", effect="run")
async def stick() -> Nothing:
    '''Keep a thread busy that cannot be cancelled, and a subprocess of a subprocess.'''
    subprocess.Popen(["sh", "-c", "sleep 300; true"])
    await asyncio.to_thread(time.sleep, 300)
    return Nothing()

leaving.GRACE = float(sys.argv[1])
serve(server)
"""
CLIENT = """
import subprocess, sys, time
output = subprocess.PIPE if sys.argv[3] == "reads" else None
server = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[4]], stdin=subprocess.PIPE, stdout=output)
server.stdin.write(sys.argv[2].encode())
server.stdin.flush()
print(server.pid, flush=True)
time.sleep(300)
"""


def message(method: str, number: int | None = None, **params: Any) -> str:
    counted = {} if number is None else {"id": number}
    return json.dumps({"jsonrpc": "2.0", **counted, "method": method, "params": params}) + "\n"


OPENING = message(
    "initialize", 1, protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "test", "version": "1"}
) + message("notifications/initialized")
STUCK = OPENING + message("tools/call", 2, name="stick", arguments={})


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone_within(processes: list[int], seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if not any(alive(process) for process in processes):
            return True
        time.sleep(0.02)
    return False


def until_it_sticks(server: int) -> list[int]:
    """Return the server and what it started, once it has started all of it."""
    for _ in range(1000):
        found = [server, *descendants(server)]
        if len(found) == 3:
            return found
        time.sleep(0.02)
    raise AssertionError("the tool did not start")


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
@pytest.mark.parametrize(("answers", "grace"), [("reads", 300), ("leaves them to others", GRACE)])
def test_killing_the_client_in_the_middle_of_a_call_leaves_no_process(answers: str, grace: float) -> None:
    command = [sys.executable, "-c", CLIENT, SERVER, STUCK, answers, str(grace)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        processes = until_it_sticks(int(client.stdout.readline()))
        os.kill(client.pid, signal.SIGKILL)
        try:
            assert gone_within(processes, 1.0)
        finally:
            for process in processes:
                if alive(process):
                    os.kill(process, signal.SIGKILL)


@pytest.mark.slow
def test_a_client_that_closes_its_pipe_is_left_alone_within_a_second(tmp_path: Path) -> None:
    code = "import sys; from app.cli import main; sys.exit(main(['mcp', 'serve', '--toolsets', 'course']))"
    env = {"LYCEUM_HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(OPENING)
        server.stdin.flush()
        assert json.loads(server.stdout.readline())["id"] == 1
        server.stdin.close()
        assert server.wait(1) == 0
