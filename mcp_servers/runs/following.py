"""Tells clients that follow the resource of a run that something happened in it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from lyceum.errors import LyceumError
from lyceum.runs import ENDED

if TYPE_CHECKING:
    from mcp.server.mcpserver.context import Context

    from lyceum.runs import RunStore

_EVERY = 1.0  # seconds between two looks at a run

_log = logging.getLogger(__name__)


class Follower:
    """Looks at the runs that were started or steered here, until each ends."""

    def __init__(self) -> None:
        self._following: dict[str, asyncio.Task[None]] = {}

    def follow(self, store: RunStore, run: str, context: Context[Any, Any]) -> None:
        if run not in self._following:
            self._following[run] = asyncio.create_task(self._tell(store, run, context))

    async def _tell(self, store: RunStore, run: str, context: Context[Any, Any]) -> None:
        after = 0
        try:
            while True:
                status = (await store.run(run)).status
                events = await store.events(run, after=after)
                if events:
                    after = events[-1].seq
                    await context.notify_resource_updated(f"runs://{run}")
                if status in ENDED:
                    return
                await asyncio.sleep(_EVERY)
        except LyceumError as error:
            _log.info("Run %s is no longer followed: %s", run, error.message)
        finally:
            self._following.pop(run, None)
