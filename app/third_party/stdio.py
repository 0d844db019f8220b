"""A stranger's process as an MCP transport: every line, queue and wait is bounded, and its end is certain.

The SDK's own stdio client reads lines of any length and forwards whatever comes; both are a stranger's to choose here.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCNotification, JSONRPCRequest, jsonrpc_message_adapter

from app.third_party.limits import Limits

_CHUNK = 65_536
_TAIL = 4_096  # bytes of its log that are kept


@dataclass
class Health:
    """Why a connection ended, where that is known better than "it closed"; `log` is the end of what it logged."""

    reason: str = ""
    log: bytes = b""
    asked: int = 0  # messages that came since we last sent one


@asynccontextmanager
async def bounded_stdio(
    command: list[str], env: Mapping[str, str], cwd: str | None, limits: Limits, health: Health
) -> AsyncGenerator[Any]:
    """Start a server and give its two streams; it and what it started are gone when the block ends.

    Raises OSError where it cannot be started. Nothing of our environment is handed on but PATH, HOME and the like.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**get_default_environment(), **env},
        cwd=cwd,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    came, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    # Without a bound, so that a server that reads nothing cannot hold up a cancellation; what we send is bounded.
    outgoing, sent = anyio.create_memory_object_stream[SessionMessage](math.inf)
    tasks = [
        asyncio.create_task(_read(process, came, limits, health), name="third-party reader"),
        asyncio.create_task(_write(process, sent, health), name="third-party writer"),
        asyncio.create_task(_drain(process, health), name="third-party log"),
    ]
    try:
        yield incoming, outgoing
    finally:
        with anyio.CancelScope(shield=True):
            await _stop(process, limits)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for stream in (came, incoming, outgoing, sent):
                await stream.aclose()


async def _read(process: asyncio.subprocess.Process, came: Any, limits: Limits, health: Health) -> None:
    assert process.stdout is not None
    unreadable = 0
    waiting: list[bytes] = []
    size = 0
    async with came:
        with contextlib.suppress(anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
            while chunk := await process.stdout.read(_CHUNK):
                *lines, rest = chunk.split(b"\n")
                for line in lines:
                    whole = b"".join([*waiting, line]).strip()
                    waiting, size = [], 0
                    if not whole:
                        continue
                    health.asked += 1
                    if health.asked > limits.unasked:
                        health.reason = f"it sent more than {limits.unasked:,} messages that nobody asked for"
                        return
                    try:
                        message = jsonrpc_message_adapter.validate_json(whole, by_name=False)
                    except ValueError:
                        unreadable += 1
                        if unreadable > limits.unreadable:
                            health.reason = "what it writes is no MCP"
                            return
                        continue
                    if not isinstance(message, JSONRPCNotification):  # nothing that it tells unasked is of use here
                        await came.send(SessionMessage(message))
                waiting.append(rest)
                size += len(rest)
                if size > limits.message:
                    health.reason = f"it answered with more than {limits.message // 1024:,} KiB at once"
                    return
            health.reason = health.reason or "it went away"


async def _write(process: asyncio.subprocess.Process, sent: Any, health: Health) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        async for held in sent:
            if isinstance(held.message, JSONRPCRequest):
                health.asked = 0
            process.stdin.write(held.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
            await process.stdin.drain()


async def _drain(process: asyncio.subprocess.Process, health: Health) -> None:
    assert process.stderr is not None
    with contextlib.suppress(OSError):
        while chunk := await process.stderr.read(_CHUNK):
            health.log = (health.log + chunk)[-_TAIL:]


async def _stop(process: asyncio.subprocess.Process, limits: Limits) -> None:
    """Close its input, wait, ask its whole group to stop, wait, make it."""
    if process.stdin is not None:
        process.stdin.close()
    if not await _gone(process, limits.leave):
        _signal(process, "SIGTERM")
        await _gone(process, limits.leave)
    _signal(process, "SIGKILL")  # also when it has gone: what it started may have stayed
    await _gone(process, limits.leave)
    transport = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()


async def _gone(process: asyncio.subprocess.Process, seconds: float) -> bool:
    # Not process.wait(): that waits for the pipes too, which a grandchild may hold.
    deadline = asyncio.get_running_loop().time() + seconds
    while process.returncode is None:
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.005)
    return True


def _signal(process: asyncio.subprocess.Process, name: str) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, getattr(signal, name))
        elif process.returncode is None:
            process.kill()
