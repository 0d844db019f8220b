"""Cancelling a flow without breaking the clean-up it has begun."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from typing import Any


class Shields:
    """One run's shielded clean-ups: while any is open, a wish to cancel waits for the last one to close."""

    def __init__(self) -> None:
        self._open = 0
        self._wished = False
        self._flow: asyncio.Future[Any] | None = None

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[None]:
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if self._wished and not self._open:
                self.cancel()

    def cancel(self) -> None:
        """Cancel the flow, now or as soon as the last open clean-up is closed."""
        self._wished = self._open > 0
        if self._flow is not None and not self._wished:
            self._flow.cancel()

    async def run(self, flow: Awaitable[Any]) -> Any:
        """Return what the flow returns; cancelling this cancels the flow, which comes to rest before it is told."""
        self._flow = asyncio.ensure_future(flow)
        while not self._flow.done():
            try:
                await asyncio.wait([self._flow])
            except asyncio.CancelledError:
                self.cancel()
        return self._flow.result()
