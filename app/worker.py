"""A worker for the embedded engine: it takes up runs that nobody drives, now and when their time has come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from lyceum.errors import LyceumError
from lyceum.runs import Run
from workflows.engines.journal import JournalEngine
from workflows.engines.schedules import JournalSchedules

POLL_SECONDS = 1.0
# A run that was just submitted is driven by whoever submitted it, most times: a worker leaves it that long.
YOUNG_SECONDS = 2.0


class JournalWorker:
    """Several workers may share a home: a run's lease says whose it is. `tell` hears what begins and how it ends.

    `schedules` are looked after too; `ended` is called with each run that was driven here.
    """

    def __init__(
        self,
        engine: JournalEngine,
        *,
        concurrency: int = 4,
        young: float = YOUNG_SECONDS,
        tell: Callable[[str], None] = lambda _line: None,
        schedules: JournalSchedules | None = None,
        ended: Callable[[Run], Awaitable[None]] | None = None,
    ) -> None:
        self._engine = engine
        self._schedules = schedules
        self._ended = ended
        self._begun: set[str] = set()  # by schedules, here: nobody else means to drive these
        self._concurrency = concurrency
        self._young = young
        self._tell = tell
        self._driving: dict[str, asyncio.Task[None]] = {}

    async def run(self, stop: asyncio.Event, *, once: bool = False) -> None:
        """Work until `stop` is set; with `once`, until nothing is due and nothing is driven here."""
        while not stop.is_set():
            if self._schedules is not None:
                for begun, line in await self._schedules.start_due():
                    self._begun.add(begun)
                    self._tell(line)
            due = await self.due()
            for run in due[: self._concurrency - len(self._driving)]:
                self._driving[run.id] = asyncio.create_task(self._drive(run), name=f"run {run.id}")
            if once and not due and not self._driving:
                return
            if self._driving:
                await asyncio.wait(self._driving.values(), timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            else:
                await _either(stop, POLL_SECONDS)

    async def let_go(self, seconds: float) -> int:
        """Wait for what is driven here, so long; return how many runs are left, which go on elsewhere or later."""
        if self._driving:
            await asyncio.wait(self._driving.values(), timeout=seconds)
        return len(self._driving)

    async def due(self) -> list[Run]:
        """Return the runs that could go on now, oldest first."""
        store = self._engine.runtime.store
        open_ = await store.runs(status=["queued", "running", "waiting"], limit=10_000)
        runs = [run for run in reversed(open_) if run.engine == self._engine.name and run.id not in self._driving]
        asked = {approval.run for approval in await store.approvals()}
        parents = {run.id: run.parent for run in open_}
        held_up = {above for run in asked for above in _line_of(run, parents)}
        woken = await self._engine.journal.wakes(time.time())
        return [run for run in runs if await self._is_due(run, held_up, woken)]

    async def _is_due(self, run: Run, held_up: set[str], woken: set[str]) -> bool:
        if run.status == "waiting":
            return run.id not in held_up or run.id in woken
        young = run.id not in self._begun and (datetime.now(UTC) - run.created).total_seconds() < self._young
        if run.status == "queued" and young:
            return False
        return await self._engine.runtime.store.holder(run.id) is None

    async def _drive(self, run: Run) -> None:
        try:
            ended = await self._engine.try_drive(run.id)
            if ended is not None:
                self._tell(f"run {run.id} ({run.flow}): {ended.status}")
                if self._ended is not None:
                    await self._ended(ended)
        except LyceumError as error:
            self._tell(f"run {run.id} ({run.flow}): {error.message}")
        finally:
            del self._driving[run.id]


def _line_of(run: str, parents: dict[str, str | None]) -> list[str]:
    """Return a run and those above it that wait for it."""
    found: list[str] = []
    at: str | None = run
    while at is not None and at not in found:
        found.append(at)
        at = parents.get(at)
    return found


async def _either(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
