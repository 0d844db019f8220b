"""The embedded journal and Temporal, measured as the other engines are."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.engines_tried import try_ours
from lyceum.artifacts import FolderArtifacts
from lyceum.run_store import SqliteRunStore, open_database
from lyceum.settings import BudgetSettings, TemporalSettings
from tests.workflows.conformance.harness import JournalRuns, Runs, TemporalRuns, ended, server_cache
from tests.workflows.conformance.processes import CONTEXT
from workflows.context import Context
from workflows.engines.journal import JournalEngine
from workflows.engines.journal_store import JournalStore
from workflows.runtime import Runtime

STEPS = ["a", "b", "c", "d"]
CONTEXT.set_forkserver_preload(["tests.workflows.conformance.processes", "workflows.engines.temporal.worker"])
spent: list[float] = []


async def number(runtime: Runtime, n: int) -> int:
    return n


async def numbers(ctx: Context, request: dict[str, int]) -> int:
    total = 0
    for each in range(request["n"]):
        begin = time.perf_counter()
        total += await ctx.step(number, each)
        spent.append(time.perf_counter() - begin)
    return total


def engine(folder: Path) -> JournalEngine:
    unused: Any = None
    artifacts = FolderArtifacts(folder / "artifacts")
    made = Runtime({}, unused, SqliteRunStore(folder / "runs.db"), artifacts, unused, BudgetSettings(seconds=3600))
    return JournalEngine(made, JournalStore(folder / "runs.db", artifacts), {"numbers": numbers})


def size_of(folder: Path) -> int:
    """Return the bytes of the database once all is in its file."""
    database = open_database(folder / "runs.db")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return sum(file.stat().st_size for file in folder.glob("runs.db*"))


def bare_commit(count: int = 300) -> float:
    """Return the milliseconds of one durable SQLite commit here and now: what no journal of such a file can beat."""
    with tempfile.TemporaryDirectory() as name:
        database = open_database(Path(name) / "bare.db")
        database.execute("CREATE TABLE rows(key INTEGER PRIMARY KEY, value TEXT)")
        begin = time.perf_counter()
        for each in range(count):
            database.execute("INSERT INTO rows VALUES (?, ?)", (each, "x" * 100))
        spent_here = time.perf_counter() - begin
        database.close()
    return round(1000 * spent_here / count, 3)


async def journal_speed(count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        made = engine(Path(name))
        await made.drive(await made.submit("numbers", {"n": 20}))
        before = size_of(Path(name))
        run = await made.submit("numbers", {"n": count})
        begin, used = time.perf_counter(), time.process_time()
        await made.drive(run)
        whole, used = time.perf_counter() - begin, time.process_time() - used
        grown = size_of(Path(name)) - before
        run = await made.submit("numbers", {"n": 300})
        await made.drive(run)
        resumed: list[float] = []
        for _ in range(9):
            await made.runtime.store.set_status(run, "running")
            begin = time.perf_counter()
            await made.drive(run)
            resumed.append(time.perf_counter() - begin)
        made.journal.close()
    return {
        "ms_per_step": round(1000 * whole / count, 3),
        "of_it_processor_ms": round(1000 * used / count, 3),
        "bare_commit_ms": bare_commit(),
        "resume_300_ms": round(1000 * sorted(resumed)[len(resumed) // 2], 1),
        "resume_repeated_steps": 0,
        "bytes_per_step": round(grown / count),
    }


def journal_many(runs: int = 50, count: int = 1000) -> dict[str, Any]:
    """So many runs at once in one process: how long a step takes, and whether that grows with the run."""

    async def go(made: JournalEngine) -> None:
        ids = [await made.submit("numbers", {"n": count}) for _ in range(runs)]
        await asyncio.gather(*[made.drive(run) for run in ids])

    spent.clear()
    with tempfile.TemporaryDirectory() as name:
        made = engine(Path(name))
        begin = time.perf_counter()
        asyncio.run(go(made))
        whole = time.perf_counter() - begin
        size = size_of(Path(name))
        made.journal.close()
    in_order, total = sorted(spent), len(spent)
    tenth = total // 10
    return {
        "runs": runs,
        "steps_each": count,
        "steps_per_second": round(total / whole),
        "p50_ms": round(1000 * in_order[total // 2], 3),
        "p99_ms": round(1000 * in_order[total * 99 // 100], 3),
        "first_tenth_ms": round(1000 * sum(spent[:tenth]) / tenth, 3),
        "last_tenth_ms": round(1000 * sum(spent[-tenth:]) / tenth, 3),
        "bytes_per_step": round(size / total),
    }


async def guarantees(make: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with made(make) as runs:
        runs.plan("kill", *[f"enter.{step}" for step in STEPS])
        done = await runs.settle(await runs.submit("line", names=STEPS))
        found["killed between steps: finished calls repeated"] = sum(runs.counted().values()) - len(STEPS)
        found["killed between steps: result right"] = done.result == {"said": [step.upper() for step in STEPS]}
    with made(make) as runs:
        runs.plan("hold", "p1")
        runs.plan("kill", "enter.p2")
        run = await runs.submit("fan", names=["p", "q"])
        runs.begin(run)
        await runs.reach("q2")
        await asyncio.sleep(0.5)
        runs.release("p1")
        done = await runs.settle(run)
        own = done.result["said"] == [["P1", "P2"], ["Q1", "Q2"]]
        found["parallel branches keep their own results"] = own
        found["parallel branches: result"] = done.result["said"]
    with made(make) as runs:
        runs.plan("hold", "c")
        run = await runs.submit("line", names=STEPS)
        runs.begin(run)
        runs.begin(run)
        await runs.reach("c")
        await asyncio.sleep(1)
        runs.release("c")
        await ended(runs, run)
        found["two processes resume at once: calls made twice"] = runs.counted()["c"] + runs.counted()["d"] - 2
    with made(make) as runs:
        runs.plan("hold", "c")
        run = await runs.submit("changes")
        runs.begin(run)
        await runs.reach("c")
        (runs.folder / "code").write_text("renamed")
        runs.crash()
        runs.release("c")
        done = await runs.settle(run)
        found["code changed in mid-run is noticed"] = done.status == "failed" and "cannot be resumed" in done.error
        found["code changed in mid-run: result"] = done.result
    return found | await try_ours(lambda: made(make))


class made:  # noqa: N801 - a context manager
    def __init__(self, make: Any) -> None:
        self._folder = tempfile.TemporaryDirectory()
        os.environ["CONFORMANCE"] = self._folder.name
        self.runs: Runs = make(Path(self._folder.name))
        self.runs.patience = 400.0

    def __enter__(self) -> Any:
        return self.runs

    def __exit__(self, *_: object) -> None:
        self.runs.close()  # type: ignore[attr-defined]
        self._folder.cleanup()


async def journal_guarantees() -> dict[str, Any]:
    return await guarantees(JournalRuns)


async def temporal_speed(count: int) -> dict[str, Any]:
    from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

    from app.services import temporal
    from app.services.server import free_port
    from workflows.engines.temporal.agents import make_agents
    from workflows.engines.temporal.client import TemporalEngine
    from workflows.engines.temporal.flows import workflow_of
    from workflows.engines.temporal.worker import make_worker

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        running = temporal.up(folder, port=free_port(), cache=server_cache())
        try:
            made_runtime = engine(folder).runtime
            settings = TemporalSettings(address=f"127.0.0.1:{running.port}", continue_after=50_000)
            jobs = TemporalEngine(made_runtime, {"numbers": numbers}, settings)
            client = await jobs.client()
            modules = ["benchmarks.engines_ours"]
            worker = await make_worker(client, made_runtime, {"numbers": numbers}, settings, modules=modules)
            async with worker:
                await jobs.drive(await jobs.submit("numbers", {"n": 5}))
                run = await jobs.submit("numbers", {"n": count})
                begin = time.perf_counter()
                await jobs.drive(run)
                whole = time.perf_counter() - begin
                third = await jobs.submit("numbers", {"n": 300})
                await jobs.drive(third)
            history = await client.get_workflow_handle(third).fetch_history()
            host = await make_agents(made_runtime, settings)
            flow = workflow_of("numbers", numbers, host)
            replayer = Replayer(
                workflows=[flow],
                workflow_runner=UnsandboxedWorkflowRunner(),
                data_converter=client.data_converter,
            )
            begin = time.perf_counter()
            await replayer.replay_workflow(history)
            replayed = time.perf_counter() - begin
        finally:
            temporal.server_of(folder).stop()
    size = sum(event.ByteSize() for event in history.events)
    return {
        "ms_per_step": round(1000 * whole / count, 3),
        "resume_300_ms": round(1000 * replayed, 1),
        "resume_repeated_steps": 0,
        "bytes_per_step": round(size / 300),
        "events_per_step": round(len(history.events) / 300, 1),
        "steps_before_51200_events": round(51_200 / (len(history.events) / 300)),
    }


async def temporal_guarantees() -> dict[str, Any]:
    from app.services import temporal
    from app.services.server import free_port

    with tempfile.TemporaryDirectory() as name:
        running = temporal.up(Path(name), port=free_port(), cache=server_cache())
        try:
            return await guarantees(lambda folder: TemporalRuns(folder, f"127.0.0.1:{running.port}"))
        finally:
            temporal.server_of(Path(name)).stop()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(journal_speed(1000))))
