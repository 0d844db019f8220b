"""Output as it is written: gathered for a moment, then sent to the client as MCP progress."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.mcpserver.context import Context

from mcp_servers.sandbox.execution import Listen

_EVERY = 0.05  # seconds: a loop that prints is not a message a line


@asynccontextmanager
async def live(ctx: Context[Any, Any]) -> AsyncGenerator[Listen]:
    """Yield a function that any thread may call with a stream's name and text; all of it is sent when the block ends.

    A client that asked for no progress is sent none.
    """
    waiting: list[str] = []
    lock = threading.Lock()
    sent = 0

    def listen(_stream: str, text: str) -> None:
        with lock:
            waiting.append(text)

    async def send() -> None:
        nonlocal sent
        with lock:
            text = "".join(waiting)
            waiting.clear()
        if text:
            sent += len(text)
            await ctx.report_progress(sent, None, text)

    async def keep_sending() -> None:
        while True:
            await asyncio.sleep(_EVERY)
            await send()

    sender = asyncio.create_task(keep_sending())
    try:
        yield listen
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
    await send()


class Replay:
    """Passes on what a second run of the same code prints, without what was heard of the first."""

    def __init__(self, listen: Listen) -> None:
        self._listen = listen
        self._heard = {"stdout": "", "stderr": ""}

    def first(self, stream: str, text: str) -> None:
        self._heard[stream] += text
        self._listen(stream, text)

    def second(self, stream: str, text: str) -> None:
        heard = self._heard[stream]
        same = next(
            (at for at, (a, b) in enumerate(zip(heard, text, strict=False)) if a != b), min(len(heard), len(text))
        )
        self._heard[stream] = heard[same:] if same == len(text) else ""
        if text[same:]:
            self._listen(stream, text[same:])
