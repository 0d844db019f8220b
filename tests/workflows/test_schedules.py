"""Repeated runs of the embedded engine: each time once, however many workers look and wherever the clock is set."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lyceum.errors import UserError
from lyceum.runs import ENDED, Run, RunStore
from tests.conftest import Command
from tests.workflows.conformance.flows import Request
from tests.workflows.conformance.processes import journal
from workflows.engines.journal import JournalEngine
from workflows.engines.schedules import JournalSchedules

HOUR = 3600.0


async def same_again(store: RunStore, base: Run) -> dict[str, Any] | str:
    runs = [run for run in await store.runs(limit=100) if base.id in (run.id, run.parent)]
    open_ = [run.id for run in runs if run.status not in ENDED]
    return f"run {open_[0]} has not ended yet" if open_ else dict(base.input)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def time(self) -> float:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("workflows.engines.schedules.time", made)
    return made


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Callable[[], JournalSchedules]]:
    """Open the schedules of one home, again for each worker, each with connections of its own."""
    monkeypatch.setenv("CONFORMANCE", str(tmp_path))
    engines: list[JournalEngine] = []
    opened: list[JournalSchedules] = []

    def open_() -> JournalSchedules:
        engines.append(journal(tmp_path))
        opened.append(JournalSchedules(engines[-1], tmp_path / "runs.db", same_again))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()
    for engine in engines:
        engine.journal.close()
        engine.runtime.store.close()  # type: ignore[attr-defined]


async def first_run(kept: JournalSchedules) -> str:
    return (await kept._engine.drive(await kept._engine.submit("line", Request(names=["a"])))).id


async def repeats(kept: JournalSchedules, base: str) -> list[Run]:
    return [run for run in await kept._engine.runtime.store.runs(limit=100) if run.parent == base]


async def test_two_workers_that_look_at_once_begin_one_run_and_missed_times_are_one(
    worker: Callable[[], JournalSchedules], clock: Clock
) -> None:
    one, other = worker(), worker()
    base = await first_run(one)
    made = await one.add(base, HOUR)
    assert made.next is not None
    assert await one.start_due() == []
    clock.at += 7.5 * HOUR  # no worker was there for seven times
    lines = await asyncio.gather(one.start_due(), other.start_due())
    assert len([line for each in lines for line in each]) == 1
    [run] = await repeats(one, base)
    assert (await other.all())[0].next.timestamp() == 1_800_000_000 + 8 * HOUR  # type: ignore[union-attr]
    clock.at += HOUR
    assert "has not ended yet" in (await other.start_due())[0][1]  # the time is left out, not kept for later
    await other._engine.drive(run.id)
    assert await other.start_due() == []
    clock.at += HOUR
    assert len(await other.start_due()) == 1
    assert len(await repeats(one, base)) == 2


async def test_a_worker_that_died_between_beginning_a_run_and_saying_so_begins_none_twice(
    worker: Callable[[], JournalSchedules], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = worker()
    base = await first_run(kept)
    await kept.add(base, HOUR)
    clock.at += HOUR
    with monkeypatch.context() as dying:
        dying.setattr(kept, "_advance", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            await kept.start_due()
    [run] = await repeats(kept, base)
    await worker()._engine.drive(run.id)
    await worker().start_due()
    assert len(await repeats(kept, base)) == 1


async def test_a_clock_that_is_set_back_delays_by_one_interval_at_most(
    worker: Callable[[], JournalSchedules], clock: Clock
) -> None:
    kept = worker()
    base = await first_run(kept)
    await kept.add(base, HOUR)
    clock.at -= 100 * HOUR
    await kept.start_due()
    assert await repeats(kept, base) == []
    clock.at += HOUR
    await kept.start_due()
    assert len(await repeats(kept, base)) == 1


async def test_what_is_paused_waits_and_what_is_removed_is_gone(
    worker: Callable[[], JournalSchedules], clock: Clock
) -> None:
    kept = worker()
    base = await first_run(kept)
    with pytest.raises(UserError, match="60 s at most"):
        await kept.add(base, 5)
    await kept.add(base, HOUR)
    await kept.pause(base)
    clock.at += 3 * HOUR
    assert await kept.start_due() == []
    begun = await kept.now(base)  # at once, paused or not
    with pytest.raises(UserError, match="not ended yet"):
        await kept.now(base)
    await kept._engine.drive(begun)
    await kept.pause(base, paused=False)
    assert len(await worker().start_due()) == 1  # the times that were missed in the pause, by one run
    await kept.remove(base)
    assert await kept.all() == []
    with pytest.raises(UserError, match="not repeated"):
        await kept.pause(base)


@pytest.mark.slow
def test_a_research_is_repeated_by_a_worker_and_its_report_says_what_changed(
    lyceum: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "tower.md").write_text("# Tower\n\nFour bells hang in the tower of Ardley.\n")
    question = "How many bells hang in the tower of Ardley?"
    code, _, err = lyceum("research", question, "--source", f"docs:{folder}", "--offline", "--yes", "--every", "1d")
    assert code == 0, err
    assert "repeated every 1d" in err
    (folder / "tower.md").write_text("# Tower\n\nFive bells hang in the tower of Ardley.\n")
    assert lyceum("worker", "--once", "--offline")[0] == 0
    listed = lyceum("runs", "schedule", "list")[1]
    assert question in listed
    base = listed.split()[0]
    tomorrow = SimpleNamespace(time=lambda: time.time() + 86_401)
    monkeypatch.setattr("workflows.engines.schedules.time", tomorrow)
    code, _, err = lyceum("worker", "--once", "--offline")
    assert code == 0
    assert f"run {base} is repeated as " in err
    new = err.split("is repeated as ")[1].split()[0]
    code, out, _ = lyceum("runs", "show", new)
    assert "- new, q1: Five bells hang in the tower of Ardley." in out
    assert "- gone, q1: Four bells hang in the tower of Ardley." in out
    assert (tmp_path / "home" / "reports" / new / "report.html").is_file()
    for arguments, said in (
        (("runs", "schedule", "pause", base), "paused"),
        (("runs", "schedule", "resume", base), "goes on"),
        (("runs", "schedule", "remove", base), "not repeated any more"),
    ):
        code, out, err = lyceum(*arguments)
        assert (code, said in out) == (0, True), err
    assert lyceum("runs", "schedule", "list")[1] == ""
    assert "every 3 parsecs" not in lyceum("runs", "schedule", "add", base, "--every", "3 parsecs")[1]
