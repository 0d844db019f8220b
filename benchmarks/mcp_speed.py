"""How quickly the tool servers start, answer and end, beside the official SDK's bare server and FastMCP, in one run.

Run: `python -m benchmarks.mcp_speed [--starts N] [--calls N] [--concurrent N]`; writes
`benchmarks/results/mcp_speed.json` and the table of docs/clients.md. Every server runs in a process of its own and is
spoken to over its pipe without a client library, so that no client's time is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from app.clients.kinds import own_command
from benchmarks.pages import between

FASTMCP = "fastmcp==4.2.3"
RESULT = Path(__file__).parent / "results" / "mcp_speed.json"
PAGE = Path(__file__).parents[1] / "docs" / "clients.md"
MARKS = ("<!-- written by `python -m benchmarks.mcp_speed` -->", "<!-- speed ends -->")
BARE = """
from mcp.server import MCPServer
server = MCPServer("bare")
@server.tool()
async def noop() -> str:
    "Do nothing."
    return ""
server.run("stdio")
"""
FAST = """
from fastmcp import FastMCP
server = FastMCP("fast")
@server.tool
async def noop() -> str:
    "Do nothing."
    return ""
server.run("stdio", show_banner=False)
"""
OURS = """
from pydantic import BaseModel
from mcp_servers.serve import serve
from mcp_servers.server import ToolServer
class Nothing(BaseModel):
    pass
server = ToolServer("ours", instructions="")
@server.expose(title="Nothing", effect="read")
async def noop() -> Nothing:
    "Do nothing."
    return Nothing()
serve(server)
"""
KILLED = """
import subprocess, sys, time
server = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
server.stdin.write(sys.argv[1].encode()); server.stdin.flush()
print(server.pid, flush=True)
time.sleep(300)
"""


def message(method: str, number: int | None = None, **params: Any) -> str:
    counted = {} if number is None else {"id": number}
    return json.dumps({"jsonrpc": "2.0", **counted, "method": method, "params": params}) + "\n"


HELLO = message(
    "initialize", 1, protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "speed", "version": "1"}
) + message("notifications/initialized")


@dataclass
class Server:
    """A process that is spoken to over its pipe."""

    command: Sequence[str]
    home: Path
    process: subprocess.Popen[str] = field(init=False)

    def __enter__(self) -> Server:
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.process = subprocess.Popen(
            self.command,
            env={**kept, "LYCEUM_HOME": str(self.home)},
            cwd=self.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def send(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def answer(self, number: int) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if (told := json.loads(line)).get("id") == number:
                return told
        raise RuntimeError(f"{self.command} ended")

    def ticks(self) -> float:
        """Seconds of the processor so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def mebibytes(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def start(command: Sequence[str], home: Path) -> tuple[float, float, float]:
    """Return seconds from nothing to the list of tools, seconds of the processor for it, and MiB then."""
    begun = time.perf_counter()
    with Server(command, home) as server:
        server.send(HELLO + message("tools/list", 2))
        server.answer(2)
        return time.perf_counter() - begun, server.ticks(), server.mebibytes()


def calls(command: Sequence[str], home: Path, count: int) -> list[float]:
    """Return milliseconds of each call of a tool that does nothing, one after another."""
    with Server(command, home) as server:
        server.send(HELLO)
        server.answer(1)
        times: list[float] = []
        for number in range(10, 10 + count + 20):
            begun = time.perf_counter()
            server.send(message("tools/call", number, name="noop", arguments={}))
            server.answer(number)
            times.append(1000 * (time.perf_counter() - begun))
    return times[20:]


def idle(command: Sequence[str], home: Path, seconds: float) -> float:
    """Return which share of a processor a server uses that nobody asks anything."""
    with Server(command, home) as server:
        server.send(HELLO + message("tools/list", 2))
        server.answer(2)
        time.sleep(1)
        before = server.ticks()
        time.sleep(seconds)
        return (server.ticks() - before) / seconds


def leaves(command: Sequence[str], home: Path, *, killed: bool) -> float:
    """Return after how many seconds the server's process is gone when its client closes the pipe, or is killed."""
    if not killed:
        with Server(command, home) as server:
            server.send(HELLO)
            server.answer(1)
            assert server.process.stdin is not None
            begun = time.perf_counter()
            server.process.stdin.close()
            server.process.wait(10)
            return time.perf_counter() - begun
    client = subprocess.Popen(
        [sys.executable, "-c", KILLED, HELLO, *command],
        env={**os.environ, "LYCEUM_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert client.stdout is not None
    server_id = int(client.stdout.readline())
    time.sleep(5)  # until it serves
    begun = time.perf_counter()
    client.send_signal(signal.SIGKILL)
    client.communicate()
    while time.perf_counter() - begun < 10 and _alive(server_id):
        time.sleep(0.01)
    return time.perf_counter() - begun


def _alive(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@contextlib.contextmanager
def over_http(home: Path) -> Generator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    own = own_command()
    process = subprocess.Popen(
        [own.program, *own.arguments, "--transport", "http", "--port", str(port)],
        env={**os.environ, "LYCEUM_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(1200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(10)


async def concurrent(url: str, count: int) -> dict[str, float]:
    """Send that many calls at once, each a request of its own; returns seconds and how many failed."""
    import httpx2

    call = json.loads(message("tools/call", 1, name="basics_calculate", arguments={"expression": "6 * 7"}))
    call["params"]["_meta"] = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "speed", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "basics_calculate",
    }
    limits = httpx2.Limits(max_connections=count)
    async with httpx2.AsyncClient(timeout=300, limits=limits) as web:

        async def once() -> bool:
            try:
                return "42" in (await web.post(url, json=call, headers=headers)).text
            except httpx2.HTTPError:
                return False

        await once()
        begun = time.perf_counter()
        right = await asyncio.gather(*(once() for _ in range(count)))
        return {"seconds": time.perf_counter() - begun, "failed": right.count(False)}


def fastmcp_python() -> str | None:
    """Return a Python with FastMCP, in an environment of its own in the cache folder; None where it cannot be had."""
    folder = Path(platformdirs.user_cache_dir("lyceum")) / FASTMCP.replace("==", "-")
    python = folder / "bin" / "python"
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if not python.exists():
        made = subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder)], check=False)
        put = subprocess.run([uv, "pip", "install", "-q", "--python", str(python), FASTMCP], check=False)
        if made.returncode or put.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            return None
    return str(python)


def measure(starts: int, count: int, at_once: int) -> dict[str, Any]:
    """Measure everything; seconds, milliseconds and MiB as their names say."""
    own = own_command()
    served = [own.program, *own.arguments]
    fast = fastmcp_python()
    started = {"bare": [sys.executable, "-c", BARE], "lean": served, "all": [*served, "--toolsets", "all"]}
    called = {"bare": started["bare"], "ours": [sys.executable, "-c", OURS]}
    if fast:
        started["fastmcp"] = called["fastmcp"] = [fast, "-c", FAST]
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
        for command in started.values():
            start(command, home)  # byte code and disk
        # In turn, so that a busy moment meets all of them.
        rounds = [{name: start(command, home) for name, command in started.items()} for _ in range(starts)]
        # In turn again; each server's quietest round counts.
        turns = [{n: statistics.median(calls(c, home, count)) for n, c in called.items()} for _ in range(5)]
        with over_http(home) as url:
            http = asyncio.run(concurrent(url, at_once))
        return {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "load": os.getloadavg()[0],
            "starts": starts,
            "calls": count,
            "start_seconds": {n: statistics.median(r[n][0] for r in rounds) for n in started},
            "start_processor_seconds": {n: statistics.median(r[n][1] for r in rounds) for n in started},
            "mebibytes": {n: statistics.median(r[n][2] for r in rounds) for n in started},
            "call_ms": {name: min(turn[name] for turn in turns) for name in called},
            "http": {"calls": at_once, **http},
            "idle_share": idle(served, home, 10),
            "leaves_seconds": {
                "closed": leaves(served, home, killed=False),
                "killed": leaves(served, home, killed=True),
            },
        }


def table(found: dict[str, Any]) -> str:
    """Return the results as the page shows them, each beside its target."""
    starts, processor, memory = found["start_seconds"], found["start_processor_seconds"], found["mebibytes"]
    called, http, ends = found["call_ms"], found["http"], found["leaves_seconds"]
    fast = "fastmcp" in starts
    rows = [
        (
            "from nothing to the list of tools (processor)",
            f"{starts['lean']:.2f} s ({processor['lean']:.2f} s)",
            f"{starts['bare']:.2f} s ({processor['bare']:.2f} s)",
            f"{starts['fastmcp']:.2f} s ({processor['fastmcp']:.2f} s)" if fast else "-",
            f"{starts['lean'] / starts['bare']:.2f} times bare, at most 1.3",
        ),
        (
            "a call that does nothing, over stdio, median",
            f"{called['ours']:.2f} ms",
            f"{called['bare']:.2f} ms",
            f"{called['fastmcp']:.2f} ms" if fast else "-",
            f"{called['ours'] / called['bare']:.2f} times bare, at most 1.2",
        ),
        (
            "memory when the tools were listed",
            f"{memory['lean']:.0f} MiB; all toolsets {memory['all']:.0f} MiB",
            f"{memory['bare']:.0f} MiB",
            f"{memory['fastmcp']:.0f} MiB" if fast else "-",
            "all toolsets at most 150 MiB",
        ),
        (
            f"{http['calls']:,} calls at once over HTTP",
            f"{http['failed']} failed, {http['calls'] / http['seconds']:.0f} a second",
            "-",
            "-",
            "none fails",
        ),
        ("processor while nobody asks", f"{found['idle_share']:.1%}", "-", "-", "0 %"),
        (
            "gone after the client left, was killed",
            f"{ends['closed']:.2f} s, {ends['killed']:.2f} s",
            "-",
            "-",
            "1 s",
        ),
    ]
    lines = ["| what | Lyceum | bare SDK server | FastMCP | target |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    busy = f"; the machine was busy (load {found['load']:.0f}): trust ratios" if found["load"] > 1.5 else ""
    return f"Measured on {found['date']}, {found['starts']} starts each in turn{busy}.\n\n" + "\n".join(lines) + "\n"


def page(found: dict[str, Any]) -> str:
    return between(PAGE.read_text(encoding="utf-8"), *MARKS, f"\n\n{table(found)}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=9)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--concurrent", type=int, default=1000)
    options = parser.parse_args()
    results = measure(options.starts, options.calls, options.concurrent)
    RESULT.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(results), encoding="utf-8")
    print(json.dumps(results, indent=1))
