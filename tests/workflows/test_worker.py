"""A worker takes up what nobody drives: new runs, runs left by a dead process, answered questions, times that came."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from app.cli.approval import drive_or_follow
from app.worker import JournalWorker
from lyceum.events import Note
from lyceum.runs import Decision
from tests.workflows.conformance.flows import Request
from tests.workflows.conformance.processes import journal
from workflows.engines.journal import JournalEngine


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[JournalEngine]:
    monkeypatch.setenv("CONFORMANCE", str(tmp_path))
    made = journal(tmp_path)
    yield made
    made.journal.close()
    made.runtime.store.close()  # type: ignore[attr-defined]


async def work(engine: JournalEngine, **given: Any) -> list[str]:
    told: list[str] = []
    await JournalWorker(engine, young=0, tell=told.append, **given).run(asyncio.Event(), once=True)
    return told


async def test_it_drives_all_that_is_due_and_leaves_what_waits_for_a_person(engine: JournalEngine) -> None:
    store = engine.runtime.store
    lines = [await engine.submit("line", Request(names=[name])) for name in "abc"]
    asking = await engine.submit("asks", Request())
    told = await work(engine, concurrency=2)
    assert [(await store.run(run)).status for run in lines] == ["done"] * 3
    assert (await store.run(asking)).status == "waiting"
    assert len(told) == 4
    assert await work(engine) == []
    [approval] = await store.approvals()
    await engine.decide(asking, approval.id, Decision(approved=True))
    assert await work(engine) == [f"run {asking} (asks): done"]


async def test_a_question_that_nobody_answered_in_time_wakes_its_run(engine: JournalEngine) -> None:
    run = await engine.submit("asks", Request(seconds=0.1))
    assert (await engine.drive(run)).status == "waiting"
    await asyncio.sleep(0.15)
    await work(engine)
    assert (await engine.runtime.store.run(run)).result["by"] == "timeout"


async def test_it_leaves_a_run_to_the_process_that_drives_it(engine: JournalEngine) -> None:
    run = await engine.submit("line", Request(names=["a"]))
    lease = await engine.runtime.store.acquire(run, "another-machine:1:x")
    assert lease is not None
    assert await work(engine) == []
    await engine.runtime.store.release(lease)
    assert await work(engine) == [f"run {run} (line): done"]


async def test_a_second_terminal_says_who_drives_and_follows_the_events(
    engine: JournalEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Any] = []
    object.__setattr__(engine.runtime, "listen", seen.append)

    class App:
        store = engine.runtime.store
        runtime = engine.runtime

        def engine_of(self, run: object) -> JournalEngine:
            return engine

    run = await engine.submit("line", Request(names=["a"]))
    lease = await App.store.acquire(run, "another-machine:1:x")
    assert lease is not None
    following = asyncio.ensure_future(drive_or_follow(App(), run))  # type: ignore[arg-type]
    await asyncio.sleep(0.05)
    await App.store.append(run, Note(text="from the other terminal"))
    await asyncio.sleep(0.3)
    await App.store.release(lease)
    assert (await following).status == "done"
    assert "driven by another-machine:1:x" in capsys.readouterr().err
    assert "from the other terminal" in [getattr(event, "text", "") for event in seen]
