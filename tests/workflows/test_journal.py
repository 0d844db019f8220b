"""The journal engine: what was finished is never done again, and what changed is noticed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from lyceum.artifacts import FolderArtifacts
from lyceum.errors import OperatorError, Unavailable, UserError
from lyceum.events import Note, RunFinished
from lyceum.run_store import SqliteRunStore
from lyceum.runs import Decision
from lyceum.settings import BudgetSettings
from workflows.context import Context
from workflows.engines.journal import JournalEngine
from workflows.engines.journal_store import JournalStore
from workflows.engines.steps import Signature
from workflows.runtime import Runtime

calls: list[str] = []
broken: set[str] = set()


class Ask(BaseModel):
    words: list[str] = ["a", "b"]


async def shout(runtime: Runtime, word: str) -> str:
    calls.append(word)
    if word in broken:
        raise RuntimeError(f"{word} broke")
    return word.upper()


async def flaky(runtime: Runtime) -> int:
    calls.append("flaky")
    if calls.count("flaky") < 3:
        raise Unavailable("busy", retry_after=0.001)
    return calls.count("flaky")


async def large(runtime: Runtime) -> str:
    return "x" * 600_000


async def in_turn(ctx: Context, request: Ask) -> dict[str, Any]:
    return {"words": [await ctx.step(shout, word) for word in request.words]}


async def dawdle(runtime: Runtime, word: str) -> str:
    calls.append(word)
    if "waits" in broken:
        await asyncio.sleep(60)
    return word.upper()


async def tidies(ctx: Context, request: Ask) -> dict[str, Any]:
    """Leaves a step and an event at the very places where its path goes on."""
    words: list[str] = []
    try:
        words.append(await ctx.step(shout, "a"))
        words.append(await ctx.step(dawdle, "b"))
    except asyncio.CancelledError:
        await ctx.step(shout, "tidy")
        await ctx.emit(Note(text="so far"))
        raise
    words.append(await ctx.step(shout, "c"))
    await ctx.emit(Note(text="whole"))
    return {"words": words}


async def slowly(runtime: Runtime) -> str:
    calls.append("early")
    await asyncio.sleep(0.15)
    return "early"


async def asks_and_waits(ctx: Context, request: Ask) -> dict[str, Any]:
    await ctx.step(slowly)
    await ctx.approve("go", title="Go?", request={})
    return {"word": await ctx.step(dawdle, "b")}


async def side_by_side(ctx: Context, request: Ask) -> dict[str, Any]:
    def branch(word: str, wait: float) -> Any:
        async def run(inner: Context) -> str:
            await asyncio.sleep(wait)
            return await inner.step(shout, word)

        return run

    waits = [0.02 * (len(request.words) - n) for n in range(len(request.words))]
    found = await ctx.gather(*[branch(word, wait) for word, wait in zip(request.words, waits, strict=True)])
    return {"words": found}


async def asks_first(ctx: Context, request: Ask) -> dict[str, Any]:
    await ctx.step(shout, "before")
    decision = await ctx.approve("send", title="Send it?", request={"to": "x"}, timeout=timedelta(days=3))
    return {"approved": decision.approved, "reason": decision.reason}


async def tells(ctx: Context, request: Ask) -> dict[str, Any]:
    await ctx.emit(Note(text="once"))
    moment, name = await ctx.now(), await ctx.uuid()
    await ctx.step(shout, "a")
    return {"moment": moment.isoformat(), "name": name, "version": await ctx.version("shape", 2)}


async def waits(ctx: Context, request: Ask) -> dict[str, Any]:
    return {"tries": await ctx.step(flaky), "size": len(await ctx.step(large))}


async def has_child(ctx: Context, request: Ask) -> dict[str, Any]:
    return {"child": await ctx.child("in_turn", request)}


async def takes_long(ctx: Context, request: Ask) -> None:
    await asyncio.sleep(5)


async def is_let_down(ctx: Context, request: Ask) -> None:
    raise TimeoutError("some service")


async def tidies_up(ctx: Context, request: Ask) -> None:
    async with ctx.shield():
        calls.append("opened")
        await asyncio.sleep(0.1)
        calls.append("closed")
    await asyncio.sleep(30)
    calls.append("never")


_ALL = (in_turn, side_by_side, asks_first, tells, waits, has_child, takes_long, is_let_down, tidies_up, tidies)
FLOWS = {flow.__name__: flow for flow in (*_ALL, asks_and_waits)}


@pytest.fixture(autouse=True)
def _clean() -> None:
    calls.clear()
    broken.clear()


@pytest.fixture
def engine(tmp_path: Path) -> JournalEngine:
    return make_engine(tmp_path)


def make_engine(folder: Path, budget: BudgetSettings = BudgetSettings()) -> JournalEngine:  # noqa: B008 - frozen
    artifacts = FolderArtifacts(folder / "artifacts")
    unused: Any = None
    runtime = Runtime({}, unused, SqliteRunStore(folder / "runs.db"), artifacts, unused, budget)
    return JournalEngine(runtime, JournalStore(folder / "runs.db", artifacts), FLOWS)


async def again(engine: JournalEngine, run: str) -> Any:
    """Resume as after a crash just before the end was written."""
    await engine.runtime.store.set_status(run, "running")
    return await engine.drive(run)


@pytest.mark.parametrize("flow", ["in_turn", "side_by_side"])
async def test_a_resumed_run_repeats_only_what_had_not_finished(engine: JournalEngine, flow: str) -> None:
    broken.add("b")
    run = await engine.submit(flow, Ask(words=["a", "b", "c"] if flow == "side_by_side" else ["a", "b"]))
    assert (await engine.drive(run)).status == "failed"
    broken.clear()
    assert (await again(engine, run)).status == "failed"  # what failed, failed: only a retry forgets it
    done = await engine.retry(run)
    assert done.result["words"][:2] == ["A", "B"]
    assert calls.count("a") == 1
    assert calls.count("b") == 2


async def test_parallel_branches_keep_their_own_results_whatever_finishes_first(engine: JournalEngine) -> None:
    words = ["a", "b", "c", "d"]
    run = await engine.drive(await engine.submit("side_by_side", Ask(words=words)))
    assert run.result == {"words": ["A", "B", "C", "D"]}
    assert calls == ["d", "c", "b", "a"]


async def test_a_run_whose_arguments_changed_is_refused_with_an_explanation(engine: JournalEngine) -> None:
    broken.add("b")
    run = await engine.submit("in_turn", Ask(words=["a", "b"]))
    await engine.drive(run)
    database = engine.runtime.store._database  # type: ignore[attr-defined]
    database.execute("UPDATE runs SET input = ? WHERE id = ?", ('{"words": ["z", "b"]}', run))
    refused = await again(engine, run)
    assert refused.status == "failed"
    assert "cannot be resumed" in refused.error


async def test_an_approval_waits_survives_a_restart_and_is_decided_once(tmp_path: Path) -> None:
    first = make_engine(tmp_path)
    run = await first.submit("asks_first", Ask())
    assert (await first.drive(run)).status == "waiting"
    (approval,) = await first.runtime.store.approvals(run=run)
    second = make_engine(tmp_path)
    await second.decide(run, approval.id, Decision(approved=False, reason="not today"))
    with pytest.raises(UserError, match="already decided"):
        await second.decide(run, approval.id, Decision(approved=True))
    done = await second.drive(run)
    assert done.result == {"approved": False, "reason": "not today"}
    assert calls == ["before"]


async def test_an_approval_cannot_be_given_for_another_run(engine: JournalEngine) -> None:
    run, other = [await engine.submit("asks_first", Ask()) for _ in range(2)]
    await engine.drive(run)
    (approval,) = await engine.runtime.store.approvals(run=run)
    with pytest.raises(UserError, match="asks for no approval"):
        await engine.decide(other, approval.id, Decision(approved=True))


async def test_events_moments_and_names_are_the_same_after_a_resume(engine: JournalEngine) -> None:
    broken.add("a")
    run = await engine.submit("tells", Ask())
    await engine.drive(run)
    broken.clear()
    done = await engine.retry(run)
    repeated = await again(engine, run)
    assert repeated.result == done.result
    notes = [event for event in await engine.runtime.store.events(run) if isinstance(event, Note)]
    assert [note.text for note in notes] == ["once"]


async def test_a_busy_service_is_retried_and_a_large_value_travels_as_an_artifact(engine: JournalEngine) -> None:
    run = await engine.submit("waits", Ask())
    assert (await engine.drive(run)).result == {"tries": 3, "size": 600_000}
    assert (await again(engine, run)).result == {"tries": 3, "size": 600_000}
    assert calls.count("flaky") == 3


async def test_only_one_process_drives_a_run(tmp_path: Path) -> None:
    first, second = make_engine(tmp_path), make_engine(tmp_path)
    run = await first.submit("in_turn", Ask())
    lease = await first.runtime.store.acquire(run, "somebody else")
    assert lease is not None
    with pytest.raises(UserError, match="driven by another process"):
        await second.drive(run)
    await first.runtime.store.release(lease)
    assert (await second.drive(run)).status == "done"


async def test_a_child_run_is_started_once_and_its_result_comes_back(engine: JournalEngine) -> None:
    run = await engine.submit("has_child", Ask(words=["a"]))
    await engine.drive(run)
    assert (await again(engine, run)).result == {"child": {"words": ["A"]}}
    assert calls == ["a"]


async def test_a_cancelled_run_ends_as_cancelled(engine: JournalEngine) -> None:
    run = await engine.submit("side_by_side", Ask(words=["a"] * 50))
    task = asyncio.ensure_future(engine.drive(run))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await engine.runtime.store.run(run)).status == "cancelled"


async def test_what_a_stopped_run_did_to_tidy_up_is_no_part_of_its_path(engine: JournalEngine) -> None:
    broken.add("waits")
    run = await engine.submit("tidies", Ask())
    task = asyncio.ensure_future(engine.drive(run))
    while "b" not in calls:  # noqa: ASYNC110 - a step in the same loop adds it
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    broken.clear()
    done = await engine.retry(run)
    assert done.status == "done", done.error
    assert done.result == {"words": ["A", "B", "C"]}
    assert calls == ["a", "b", "tidy", "b", "c"]
    told = [event for event in await engine.runtime.store.events(run) if isinstance(event, (Note, RunFinished))]
    assert [getattr(each, "text", "") or each.status for each in told] == ["so far", "cancelled", "whole", "done"]


async def test_an_unknown_flow_is_refused_with_the_nearest_name(engine: JournalEngine) -> None:
    with pytest.raises(UserError, match="in_turn"):
        await engine.submit("in_turns", Ask())


async def test_a_budget_of_seconds_of_its_own_begins_with_its_approval(engine: JournalEngine) -> None:
    broken.add("waits")
    run = await engine.submit("asks_and_waits", {"budget": {"seconds": 0.1}})
    assert (await engine.drive(run)).status == "waiting"  # it took longer than that to ask
    [approval] = await engine.runtime.store.approvals(run=run)
    await engine.decide(run, approval.id, Decision(approved=True))
    ended = await asyncio.wait_for(engine.drive(run), 20)
    assert (ended.status, "0.1 s" in ended.error) == ("limit", True)
    assert calls == ["early", "b"]


async def test_a_run_ends_at_its_time_limit_and_only_then_by_it(tmp_path: Path) -> None:
    engine = make_engine(tmp_path, BudgetSettings(seconds=0.05))
    late = await engine.drive(await engine.submit("takes_long", Ask()))
    assert (late.status, "longer than 0.05 s" in late.error) == ("limit", True)
    let_down = await engine.drive(await engine.submit("is_let_down", Ask()))
    assert (let_down.status, "could not be reached" in let_down.error) == ("failed", True)


@pytest.mark.parametrize("wishes", [1, 2])
async def test_clean_up_under_a_shield_is_finished_however_often_one_cancels(
    engine: JournalEngine, wishes: int
) -> None:
    run = await engine.submit("tidies_up", Ask())
    task = asyncio.ensure_future(engine.drive(run))
    while "opened" not in calls:  # noqa: ASYNC110 - the flow may only touch its context
        await asyncio.sleep(0.001)
    for _ in range(wishes):
        task.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert calls == ["opened", "closed"]
    assert (await engine.runtime.store.run(run)).status == "cancelled"


async def test_a_run_is_cancelled_from_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflows.engines.journal.HEARTBEAT_SECONDS", 0.01)
    first, second = make_engine(tmp_path), make_engine(tmp_path)
    run = await first.submit("takes_long", Ask())
    driving = asyncio.ensure_future(first.drive(run))
    while (await second.runtime.store.run(run)).status != "running":  # noqa: ASYNC110 - as another process sees it
        await asyncio.sleep(0.001)
    await second.cancel(run)
    assert (await asyncio.wait_for(driving, 4)).status == "cancelled"


async def test_a_driver_that_lost_its_run_writes_nothing_more(engine: JournalEngine) -> None:
    store = engine.runtime.store
    run = await engine.submit("in_turn", Ask())
    slow = await store.acquire(run, "slow", seconds=0)
    quick = await store.acquire(run, "quick")
    assert slow is not None
    assert quick is not None
    with pytest.raises(OperatorError, match="took over"):
        await engine.journal.put(slow, "1:shout", "", "late")
    await engine.journal.put(quick, "1:shout", "", "kept")
    assert (await engine.journal.entries(run))["1:shout"].result == '"kept"'
    with pytest.raises(OperatorError, match="took over"):
        await store.append(run, Note(text="late"), fence=slow.fence)


async def test_a_field_that_a_release_adds_to_an_argument_changes_nothing(engine: JournalEngine) -> None:
    class Old(BaseModel):
        words: list[str]

    class New(Old):
        tone: str = "plain"

    async def step(runtime: Runtime, given: Old) -> None: ...

    step.__qualname__ = "step"
    step.__annotations__ = {"given": Old, "return": type(None)}
    old = Signature(step).identity((Old(words=["a"]),), {})
    step.__annotations__ = {"given": New, "return": type(None)}
    assert Signature(step).identity((New(words=["a"]),), {}) == old
    assert Signature(step).identity((New(words=["a"], tone="loud"),), {}) != old
