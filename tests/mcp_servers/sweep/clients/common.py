"""What every client is asked to do; each script beside this one says how its client does it.

These scripts run in environments of their own, where nothing of ours is installed: only the standard library is used.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ASKED: dict[str, Any] = json.loads(os.environ["SWEEP"])  # command, url, server (its process), documents, calls, stuck
Call = Callable[[str, dict[str, Any]], Awaitable[Any]]


@dataclass
class Used:
    """`call` returns text or raises; `told` counts the progress that was heard of; None where a client has none."""

    names: Callable[[], Awaitable[list[str]]]
    call: Call
    told: list[Any] | None = None
    protocol: str = ""
    cancels: bool = True


Connect = Callable[[str], AbstractAsyncContextManager[Used]]


def version(package: str) -> str:
    return importlib.metadata.version(package)


def sweep(connect: Connect, *packages: str, transports: tuple[str, ...] = ("stdio", "http")) -> None:
    """Do everything over each transport and print what happened as JSON."""
    found = {transport: asyncio.run(_over(connect, transport)) for transport in transports}
    sys.__stdout__.write(json.dumps({"versions": {name: version(name) for name in packages}, **found}) + "\n")
    sys.__stdout__.flush()
    os._exit(0)  # some clients leave threads behind


async def _over(connect: Connect, transport: str) -> dict[str, Any]:
    told: dict[str, Any] = {}
    async with asyncio.timeout(100), connect(transport) as used:
        told["listed"] = len(await used.names())
        failed: list[str] = []
        for name, arguments, wanted in ASKED["calls"]:
            answer = await used.call(name, arguments)
            if wanted not in str(answer):
                failed.append(f"{name}: {str(answer)[:200]}")
        told |= {"called": len(ASKED["calls"]) - len(failed), "failed": failed, "protocol": used.protocol}
        if used.told is not None:
            await used.call("retrieval_ingest", {"path": ASKED["documents"], "collection": f"sweep-{transport}"})
            told["progress"] = len(used.told)
        if used.cancels:
            told["cancelled"] = await _cancelled(used, os.getpid() if transport == "stdio" else ASKED["server"])
    return told


async def _cancelled(used: Used, root: int) -> float | None:
    """Cancel a call that keeps a processor busy; return after how many seconds it came to rest, None if never."""
    call = asyncio.create_task(_quietly(used.call(*ASKED["stuck"])))
    for _ in range(100):
        if await _busy(root) > 0.3:
            break
    else:
        raise RuntimeError("the call that is to be cancelled did not begin")
    begun = time.monotonic()
    call.cancel()
    await asyncio.wait([call], timeout=5)
    while time.monotonic() - begun < 5:
        if await _busy(root) < 0.1:
            return round(time.monotonic() - begun, 1)
    return None


async def _quietly(call: Awaitable[Any]) -> None:
    try:
        await call
    except Exception as error:  # noqa: BLE001 - what matters is whether the work stopped
        sys.stderr.write(f"{type(error).__name__}: {error}\n")


async def _busy(root: int) -> float:
    """Share of a processor that the processes below this one used just now."""
    before = _ticks(root)
    await asyncio.sleep(0.2)
    return (_ticks(root) - before) / os.sysconf("SC_CLK_TCK") / 0.2


def _ticks(root: int) -> int:
    """Processor time of the descendants that are still alive."""
    parents: dict[int, list[tuple[int, int]]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append((int(path.parent.name), int(fields[11]) + int(fields[12])))
        except (OSError, IndexError, ValueError):
            continue
    total, left = 0, [root]
    while left:
        for child, ticks in parents.get(left.pop(), []):
            total += ticks
            left.append(child)
    return total
