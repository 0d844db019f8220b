"""Branches of a run that go side by side, on every engine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def branch_of(scope: str) -> str:
    """Return the gather branches that a scope is in, outermost first: "" for the trunk, "0/1" inside the first."""
    return "/".join(part for part in scope.split("/") if part.isdigit())


async def at_rest(tasks: Sequence[asyncio.Future[T]]) -> list[T | BaseException]:
    """Wait until every task has ended, also when cancelled, which ends them: no finished call is thrown away."""
    try:
        return await asyncio.gather(*tasks, return_exceptions=True)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
