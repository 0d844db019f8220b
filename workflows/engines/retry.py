"""Trying again what may pass: only `Unavailable` is, after the wait that the other side asks for or a growing one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from lyceum.errors import Unavailable
from workflows.context import RetryPolicy

T = TypeVar("T")

Told = Callable[[Unavailable, float, int], Awaitable[None]]


async def _silent(_error: Unavailable, _seconds: float, _attempt: int) -> None:
    pass


async def retrying(call: Callable[[], Awaitable[T]], policy: RetryPolicy, told: Told = _silent) -> T:
    """Return what `call` returns; `told` hears of each failure, the seconds until the next try and its number.

    Raises the last Unavailable, and at once one that asks for a longer wait than the policy allows.
    """
    growing, attempt = policy.first_wait, 0
    while True:
        attempt += 1
        try:
            return await call()
        except Unavailable as error:
            wait = error.retry_after or growing
            if attempt == policy.attempts or wait > policy.longest_wait:
                raise
            await told(error, wait, attempt)
            await asyncio.sleep(wait)
            growing = min(growing * 2, policy.longest_wait)
