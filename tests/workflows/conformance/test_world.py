"""What the world does to a run: two drivers, errors of each kind, large values, time, full disks and locked files."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from app.services import temporal
from app.services.server import free_port
from lyceum.errors import UserError
from lyceum.events import Note
from lyceum.runs import Decision
from tests.workflows.conformance import processes
from tests.workflows.conformance.harness import TemporalRuns, ended, server_cache
from tests.workflows.conformance.processes import drive, spawn, work


async def test_two_processes_that_resume_a_run_do_each_step_once(runs: Any) -> None:
    runs.plan("hold", "a")
    run = await runs.submit("line", names=["a", "b"])
    runs.begin(run)
    await runs.reach("a")
    if runs.name == "journal":
        second = spawn(drive, str(runs.folder), run)
        await asyncio.to_thread(second.join)
        assert second.exitcode == processes.REFUSED
        assert "driven by another process" in runs.refusals()
    else:
        spawn(work, str(runs.folder), runs.settings)
        await runs.engine._start(await runs.run(run))
        await asyncio.sleep(0.3)
    runs.release("a")
    assert (await ended(runs, run)).result == {"said": ["A", "B"]}
    assert runs.counted() == {"a": 1, "b": 1}


@pytest.mark.slow
async def test_a_driver_that_froze_and_wakes_up_after_a_takeover_changes_nothing(runs: Any) -> None:
    runs.plan("hold", "a")
    if runs.name == "journal":
        runs.prepare = short_lease
    run = await runs.submit("line", names=["a", "b"])
    frozen = runs.begin(run) or runs.workers.process
    await runs.reach("a")
    os.kill(frozen.pid, signal.SIGSTOP)
    if runs.name == "journal":
        runs.process = None
        runs.release("a")
        await asyncio.sleep(1.2)
        done = await runs.settle(run)
    else:
        helper = spawn(work, str(runs.folder), runs.settings)
        await runs.reach("a", 2)
        os.kill(frozen.pid, signal.SIGCONT)  # both breathe: one of the two results is refused
        await asyncio.sleep(0.1)
        runs.release("a")
        done = await ended(runs, run)
        processes.kill(helper)
    os.kill(frozen.pid, signal.SIGCONT)
    await asyncio.sleep(0.7)
    assert (await runs.run(run)).result == done.result == {"said": ["A", "B"]}
    counted = runs.counted()
    assert counted["b"] == 1
    assert counted["a"] == 2 if runs.name == "journal" else 2 <= counted["a"] <= 4  # it was in flight each time
    assert len({key for _, key in runs.effects()}) == 2


def short_lease() -> None:
    import workflows.engines.journal as engine

    engine.LEASE_SECONDS, engine.HEARTBEAT_SECONDS = 0.8, 0.1


@pytest.mark.slow
async def test_each_kind_of_error_reaches_the_flow_as_what_it_is_and_stays_so_on_a_resume(runs: Any) -> None:
    kinds = ["UserError", "ModelRetry", "OperatorError", "Unavailable", "LimitReached", "Bug", "RuntimeError"]
    runs.plan("kill", "enter.after")
    done = await runs.settle(await runs.submit("breaks", names=[*kinds, "RateLimited"]))
    assert done.result["met"] == [
        "UserError: UserError was raised.",
        "ModelRetry: ModelRetry was raised.",
        "OperatorError: OperatorError was raised.",
        "Unavailable: Unavailable was raised.",
        "LimitReached: LimitReached was raised.",
        "Bug: Bug was raised.",
        "Bug: Something in Lyceum failed (RuntimeError).",
        "passed",
        "Unavailable: dawdle took longer than 0.2 s.",
    ]
    counted = runs.counted()
    assert [counted[f"break.{kind}"] for kind in kinds] == [1, 1, 1, 3, 1, 1, 1]  # only what may pass is tried again
    assert counted["break.RateLimited"] == 3


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "status"), [("UserError", "failed"), ("LimitReached", "limit"), ("Bug", "failed")])
async def test_an_error_that_no_flow_catches_ends_the_run_with_its_own_words(runs: Any, kind: str, status: str) -> None:
    done = await runs.settle(await runs.submit("ends_badly", names=[kind]))
    assert (done.status, done.error) == (status, f"{kind} was raised.\n  Do something.")


async def test_a_step_that_kills_its_process_each_time_ends_the_run(runs: Any) -> None:
    runs.plan("doom", "inside.b")
    done = await runs.settle(await runs.submit("line", names=["a", "b"]))
    assert done.status == "failed"
    assert "died" in done.error
    assert runs.counted()["a"] == 1
    assert 2 <= runs.counted()["b"] <= 6


async def test_a_mebibyte_goes_in_and_comes_back_and_is_kept_apart(runs: Any) -> None:
    runs.plan("kill", "enter.after")
    done = await runs.settle(await runs.submit("heavy", size=1 << 20))
    assert done.result["size"] == 2 << 20
    assert runs.counted() == {"weigh": 1, "after": 1}
    assert any((runs.folder / "artifacts").iterdir())


@pytest.mark.slow
async def test_a_timer_ends_when_it_should_although_its_process_was_killed(runs: Any) -> None:
    run = await runs.submit("rests", seconds=1.5)
    runs.begin(run)
    await runs.reach("before")
    await asyncio.sleep(0.3)  # it is in the timer now
    runs.crash()
    done = await runs.settle(run)
    assert 1.4 < done.result["seconds"] < (3 if runs.name == "journal" else 8)
    assert runs.counted() == {"before": 1, "after": 1}


@pytest.mark.slow
async def test_a_child_run_is_one_run_however_often_its_parent_dies(runs: Any) -> None:
    runs.plan("kill", "enter.c2", "enter.between", "inside.c3")
    run = await runs.submit("parent")
    done = await runs.settle(run)
    assert done.result == {"first": {"said": ["C1", "C2"]}, "second": {"said": ["C3"]}}
    children = [each for each in await runs.engine.runtime.store.runs() if each.parent == run]
    assert [child.status for child in children] == ["done", "done"]
    runs.check_counts(["c1", "c2", "between", "c3"])


@pytest.mark.slow
async def test_a_long_step_goes_on_from_its_last_heartbeat(runs: Any) -> None:
    runs.plan("kill", "counted.2", "counted.5")
    pace = 0.0 if runs.name == "journal" else 0.5  # Temporal sends heartbeats on at intervals
    done = await runs.settle(await runs.submit("counts", size=8, seconds=pace))
    assert done.result == {"counted": 8}
    repeated = sum(count - 1 for count in runs.counted().values())
    assert repeated <= (0 if runs.name == "journal" else 6)
    assert len({key for _, key in runs.effects()}) == 1


async def test_events_are_told_once_and_in_order_whatever_dies(runs: Any) -> None:
    names = ["a", "b", "c"]
    runs.plan("kill", "enter.b", "inside.c")
    run = await runs.submit("tells", names=names)
    await runs.settle(run)
    events = await runs.engine.runtime.store.events(run)
    assert [event.text for event in events if isinstance(event, Note)] == names
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.seq for event in await runs.engine.runtime.store.events(run, after=3)] == [4, 5][: len(events) - 3]


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_thousand_steps_are_each_done_once(runs: Any) -> None:
    runs.plan("kill", "enter.n500")
    runs.patience = 500
    run = await runs.submit("long", size=1000)
    done = await runs.settle(run)
    assert done.result == {"total": sum(len(f"N{number}") for number in range(1000))}
    assert len(runs.counted()) == 1000
    assert set(runs.counted().values()) == {1}


def no_space() -> None:
    """Let files of this process grow no further: what a full disk does to SQLite."""
    grown = max(file.stat().st_size for file in processes_folder().rglob("runs.db*"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (grown + 8192, resource.RLIM_INFINITY))


def processes_folder() -> Any:
    from tests.workflows.conformance.flows import folder

    return folder()


@pytest.mark.slow
async def test_a_full_disk_stops_a_run_that_goes_on_when_there_is_room(runs: Any) -> None:
    if runs.name != "journal":
        pytest.skip("the run store of a worker is the same one")
    runs.prepare = no_space
    names = [f"n{number}" for number in range(60)]
    run = await runs.submit("line", names=names)
    stopped = await runs.settle(run)
    assert stopped.status in ("queued", "running")
    assert "StoreFailed" in runs.refusals()
    before = len(runs.counted())
    assert before < len(names)
    runs.prepare = None
    assert (await runs.settle(run)).status == "done"
    assert set(runs.counted()) == set(names)
    assert sum(runs.counted().values()) <= len(names) + 1  # the one whose result found no room


def tomorrow() -> None:
    real = time.time
    time.time = lambda: real() + 86_400  # type: ignore[assignment]


def yesterday() -> None:
    real = time.time
    time.time = lambda: real() - 86_400  # type: ignore[assignment]


@pytest.mark.slow
@pytest.mark.parametrize("jump", [tomorrow, yesterday])
async def test_a_clock_that_jumps_neither_loses_a_run_nor_makes_it_wait_longer(runs: Any, jump: Any) -> None:
    run = await runs.submit("rests", seconds=0.4)
    runs.begin(run)
    await runs.reach("before")
    await asyncio.sleep(0.1)  # it is in the timer now
    runs.crash()
    if runs.name == "journal":
        runs.prepare = jump
    else:
        runs.workers.prepare = jump
        runs.crash()
    done = await asyncio.wait_for(runs.settle(run), 20)
    assert done.status == "done"
    assert runs.counted() == {"before": 1, "after": 1}


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [1.0, 12.0])
async def test_a_locked_file_is_waited_for_and_then_told(runs: Any, seconds: float) -> None:
    if runs.name != "journal":
        pytest.skip("the run store of a worker is the same one")
    runs.plan("hold", "a")
    run = await runs.submit("line", names=["a", "b"])
    process = runs.begin(run)
    await runs.reach("a")
    other = sqlite3.connect(runs.folder / "runs.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    runs.release("a")
    await asyncio.sleep(seconds)
    other.execute("ROLLBACK")
    other.close()
    await asyncio.to_thread(process.join)
    if seconds > 10:
        assert process.exitcode == processes.REFUSED
        assert "StoreFailed" in runs.refusals()
        runs.process = None
    assert (await runs.settle(run)).result == {"said": ["A", "B"]}
    assert runs.counted()["a"] <= (2 if seconds > 10 else 1)


@pytest.mark.slow
async def test_a_run_that_ended_is_driven_no_more(runs: Any) -> None:
    run = await runs.submit("line", names=["a"])
    first = await runs.settle(run)
    assert (await runs.settle(run)).result == first.result
    with pytest.raises(UserError, match="ended"):
        await runs.engine.decide(run, "x", Decision(approved=True))
    assert runs.counted() == {"a": 1}


@pytest.mark.service
@pytest.mark.timeout(300)
async def test_a_long_history_continues_as_new_and_loses_nothing(temporal_server: Any, tmp_path: Path) -> None:
    runs = TemporalRuns(tmp_path, f"127.0.0.1:{temporal_server[1]}", continue_after=200)
    runs.patience = 200
    os.environ["CONFORMANCE"] = str(tmp_path)
    runs.plan("kill", "enter.n70")
    run = await runs.submit("long", size=120)
    done = await runs.settle(run)
    assert done.result == {"total": sum(len(f"N{number}") for number in range(120))}
    assert set(runs.counted().values()) == {1}
    described = await (await runs.engine.client()).get_workflow_handle(run).describe()
    assert described.raw_description.workflow_execution_info.first_run_id != described.run_id
    assert described.history_length < 400
    runs.close()


@pytest.mark.service
@pytest.mark.timeout(300)
async def test_a_server_that_is_killed_and_started_again_loses_no_run(tmp_path: Path) -> None:
    home, port = tmp_path / "server", free_port()
    temporal.up(home, port=port, cache=server_cache())
    runs = TemporalRuns(tmp_path / "runs", f"127.0.0.1:{port}")
    runs.patience = 200
    os.environ["CONFORMANCE"] = str(tmp_path / "runs")
    try:
        runs.plan("hold", "b")
        run = await runs.submit("line", names=["a", "b", "c"])
        runs.begin(run)
        await runs.reach("b")
        running = temporal.server_of(home).running()
        assert running is not None
        os.kill(running.pid, signal.SIGKILL)
        await asyncio.sleep(1)
        runs.release("b")
        temporal.up(home, port=port, cache=server_cache())
        done = await runs.settle(run)
        assert done.result == {"said": ["A", "B", "C"]}
        counted = runs.counted()
        assert (counted["a"], counted["c"]) == (1, 1)
        assert counted["b"] <= 2  # it was in flight
        runs.check_keys()
    finally:
        runs.close()
        temporal.server_of(home).stop()
