"""One way to start, kill, follow and count runs, whichever engine drives them."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

from lyceum.runs import ENDED, Run
from tests.workflows.conformance.flows import FLOWS, Request
from tests.workflows.conformance.processes import Workers, drive, journal, kill, runtime, spawn

PATIENCE = 60.0
SILENCE = 3.0  # seconds after which Temporal gives a silent step away


class Runs:
    """`folder` is where runs, effects and the plan of deaths are."""

    name: str
    engine: Any
    patience = PATIENCE

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for each in ("kill", "doom", "hold"):
            (folder / each).mkdir(parents=True, exist_ok=True)
        (folder / "effects").touch()
        (folder / "code").write_text("first")

    async def submit(self, flow: str, **request: Any) -> str:
        return await self.engine.submit(flow, Request(**request))

    async def run(self, run: str) -> Run:
        return await self.engine.runtime.store.run(run)

    def plan(self, what: Literal["kill", "doom", "hold"], *names: str) -> None:
        for name in names:
            (self.folder / what / name).touch()

    def release(self, name: str) -> None:
        (self.folder / "hold" / name).unlink()

    def effects(self) -> list[tuple[str, str]]:
        """Return (name, idempotency key) of every effect, in order."""
        lines = (self.folder / "effects").read_text().splitlines()
        return [(line.split(" ")[0], line.split(" ")[1]) for line in lines]

    def counted(self) -> Counter[str]:
        return Counter(name for name, _ in self.effects())

    def deaths(self) -> list[str]:
        file = self.folder / "deaths"
        return file.read_text().splitlines() if file.exists() else []

    def refusals(self) -> str:
        file = self.folder / "refusals"
        return file.read_text() if file.exists() else ""

    async def reach(self, name: str, times: int = 1) -> None:
        """Wait until an effect has happened."""
        await until(lambda: self.counted()[name] >= times, f"effect {name}")

    def check_counts(self, names: list[str]) -> None:
        """Assert that nothing was lost, that only what was in flight at a death was repeated, under the same key."""
        counted, dead = self.counted(), Counter(death.partition(".")[2] for death in self.deaths())
        assert set(counted) == set(names)
        for name in names:
            assert 1 <= counted[name] <= 1 + dead[name], (name, counted[name], dead[name])
        self.check_keys()

    def check_keys(self) -> None:
        """Assert that whatever was repeated carried the same idempotency key."""
        effects = self.effects()
        assert len(set(effects)) == len({name for name, _ in effects}) == len({key for _, key in effects})


class JournalRuns(Runs):
    name = "journal"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.engine = journal(folder)
        self.prepare: Callable[[], None] | None = None
        self.process: BaseProcess | None = None

    def begin(self, run: str) -> BaseProcess:
        self.process = spawn(drive, str(self.folder), run, self.prepare)
        return self.process

    def crash(self) -> None:
        assert self.process is not None
        kill(self.process)

    def driver(self) -> BaseProcess | None:
        return self.process

    async def settle(self, run: str) -> Run:
        """Drive it, starting again whenever the process is killed, until it ends, waits or is refused."""
        ends = time.monotonic() + self.patience
        while time.monotonic() < ends:
            process = self.process = self.process or spawn(drive, str(self.folder), run, self.prepare)
            await asyncio.to_thread(process.join)
            self.process = None
            if process.exitcode is not None and 0 <= process.exitcode < 255:  # 255: killed before it had begun
                break
        return await self.run(run)

    async def due(self, run: str) -> bool:
        """Tell whether a waiting run should be driven again by now."""
        return run in await self.engine.journal.wakes(time.time())

    async def finished(self, run: str) -> set[str]:
        """Return the idempotency keys of the calls that are on record as finished."""
        return {f"{run}/{key}" for key in await self.engine.journal.entries(run)}

    def close(self) -> None:
        if self.process is not None:
            kill(self.process)
        self.engine.journal.close()
        self.engine.runtime.store.close()


class TemporalRuns(Runs):
    name = "temporal"

    def __init__(self, folder: Path, address: str, **settings: Any) -> None:
        super().__init__(folder)
        from lyceum.settings import TemporalSettings
        from workflows.engines.temporal.client import TemporalEngine

        self.settings = {
            "address": address,
            "task_queue": f"test-{uuid.uuid4().hex[:8]}",
            "heartbeat": SILENCE,
            **settings,
        }
        self.engine = TemporalEngine(runtime(folder), FLOWS, TemporalSettings(**self.settings))
        self.workers: Workers | None = None

    def begin(self, run: str) -> None:
        del run
        if self.workers is None:
            self.workers = Workers(self.folder, self.settings)

    def crash(self) -> None:
        assert self.workers is not None
        self.workers.restart()

    def driver(self) -> BaseProcess | None:
        return self.workers.process if self.workers else None

    async def settle(self, run: str) -> Run:
        self.begin(run)
        return await asyncio.wait_for(self.engine.drive(run), self.patience)

    async def finished(self, run: str) -> set[str]:
        """Return the idempotency keys of the calls that are on record as finished."""
        from temporalio.api.enums.v1 import EventType

        history = await (await self.engine.client()).get_workflow_handle(run).fetch_history()
        ids = {
            event.event_id: event.activity_task_scheduled_event_attributes.activity_id
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        }
        done = [
            event.activity_task_completed_event_attributes.scheduled_event_id
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
        ]
        return {f"{run}/{ids[each].partition('#')[0]}" for each in done}

    def close(self) -> None:
        if self.workers is not None:
            self.workers.stop()
        self.engine.runtime.store.close()


async def until(reached: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    ends = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < ends, f"{what} did not come"
        await asyncio.sleep(0.005)


async def ended(runs: Runs, run: str) -> Run:
    ends = time.monotonic() + PATIENCE
    while (found := await runs.run(run)).status not in ENDED:
        assert time.monotonic() < ends, f"{run} is {found.status}"
        await asyncio.sleep(0.01)
    return found


def server_cache() -> Path:
    """Return where a built Temporal server is kept between test runs: not in the home of a test."""
    import platformdirs

    return Path(os.environ.get("TEMPORAL_CACHE") or platformdirs.user_data_dir("lyceum", appauthor=False)) / "cache"
