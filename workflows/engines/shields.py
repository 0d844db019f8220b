"""Stopping a flow once, without breaking the clean-up it has begun."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

GRACE_SECONDS = 60.0


class Shields:
    """One run's shielded clean-ups: while any is open, a wish to cancel waits for the last one to close.

    A flow is cancelled once: what it does then is its clean-up, which later wishes leave alone for a grace period.
    `stopped` is set while the flow is being stopped.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._open = 0
        self._delivered = False
        self._flow: asyncio.Future[Any] | None = None
        self._grace: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[None]:
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if self.stopped:
                self._deliver()

    def cancel(self) -> None:
        """Cancel the flow, now or as soon as the last open clean-up is closed."""
        self.stopped = True
        self._deliver()

    def _deliver(self) -> None:
        if self._flow is None or self._open or self._delivered:
            return
        self._delivered = True
        self._flow.cancel()
        self._grace = asyncio.get_running_loop().call_later(GRACE_SECONDS, self._flow.cancel)

    async def run(self, flow: Awaitable[Any], seconds: float | None = None) -> Any:
        """Return what the flow returns; cancelling this cancels the flow, which comes to rest before it is told.

        Raises TimeoutError("late") where it was stopped after `seconds`, CancelledError where it was cancelled.
        """
        self._flow = asyncio.ensure_future(flow)
        loop = asyncio.get_running_loop()
        ends = None if seconds is None else loop.time() + seconds
        late = False
        if self.stopped:
            self._deliver()
        while not self._flow.done():
            try:
                left = None if ends is None or self.stopped else max(0.0, ends - loop.time())
                await asyncio.wait([self._flow], timeout=left)
            except asyncio.CancelledError:
                self.cancel()
            else:
                if not self._flow.done() and not self.stopped:
                    late = True
                    self.cancel()
        if self._grace is not None:
            self._grace.cancel()
        if late and self._flow.cancelled():
            raise TimeoutError("late")
        return self._flow.result()
