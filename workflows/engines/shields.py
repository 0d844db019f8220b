"""Stopping a flow once, without breaking the clean-up it has begun, and the clock that may stop it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

GRACE_SECONDS = 60.0


class Shields:
    """One run's shielded clean-ups: while any is open, a wish to cancel waits for the last one to close.

    A flow is cancelled once: what it does then is its clean-up, which later wishes leave alone for a grace period.
    `stopped` is set while the flow is being stopped. The clock stands still while the flow only waits.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._open = 0
        self._delivered = False
        self._late = False
        self._flow: asyncio.Future[Any] | None = None
        self._grace: asyncio.TimerHandle | None = None
        self._left: float | None = None
        self._since = 0.0
        self._waiting = 0
        self._clock: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[None]:
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if self.stopped:
                self._deliver()

    @contextmanager
    def waiting(self) -> Generator[None]:
        """Stop the clock for a sleep or for a person."""
        self._waiting += 1
        self._stop_clock()
        try:
            yield
        finally:
            self._waiting -= 1
            self._start_clock()

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

    def _expire(self) -> None:
        if not self.stopped:
            self._late = True
            self.cancel()

    def _start_clock(self) -> None:
        if self._left is None or self._waiting or self._clock is not None:
            return
        loop = asyncio.get_running_loop()
        self._since = loop.time()
        self._clock = loop.call_later(self._left, self._expire)

    def _stop_clock(self) -> None:
        if self._clock is None or self._left is None:
            return
        self._clock.cancel()
        self._clock = None
        self._left = max(0.0, self._left - (asyncio.get_running_loop().time() - self._since))

    async def run(self, flow: Awaitable[Any], seconds: float | None = None) -> Any:
        """Return what the flow returns; cancelling this cancels the flow, which comes to rest before it is told.

        Raises TimeoutError("late") where it was stopped after `seconds`, CancelledError where it was cancelled.
        """
        self._flow = asyncio.ensure_future(flow)
        self._left = seconds
        self._start_clock()
        if self.stopped:
            self._deliver()
        while not self._flow.done():
            try:
                await asyncio.wait([self._flow])
            except asyncio.CancelledError:
                self.cancel()
        self._stop_clock()
        self._left = None
        if self._grace is not None:
            self._grace.cancel()
        if self._late and self._flow.cancelled():
            raise TimeoutError("late")
        return self._flow.result()
