"""Every run store keeps the same promises: the embedded file and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from lyceum.errors import OperatorError, UserError
from lyceum.events import Note
from lyceum.run_store import SqliteRunStore
from lyceum.runs import Attachment, Decision
from tests.mcp_servers.conftest import new_database  # noqa: F401  # pyright: ignore[reportUnusedImport]


class Pace(BaseModel):
    speed: int


@pytest.fixture(scope="module")
def address(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue("new_database")("runs")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.service)])
async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Any]:
    """Give a function that opens the same store again, as another process would."""
    opened: list[Any] = []

    def sqlite() -> Any:
        opened.append(SqliteRunStore(tmp_path / "runs.db"))
        return opened[-1]

    def postgres() -> Any:
        from lyceum.run_store_postgres import PostgresRunStore

        opened.append(PostgresRunStore(request.getfixturevalue("address")))
        return opened[-1]

    yield sqlite if request.param == "sqlite" else postgres
    for each in opened:
        closing = each.close()
        if closing is not None:
            await closing


async def test_threads_and_runs_are_found_again_newest_first(make: Any) -> None:
    store, other = make(), make()
    thread = await store.create_thread("a" * 300)
    assert len(thread.title) == 120
    await store.rename_thread(thread.id, "b")
    attached = await store.attach(thread.id, [Attachment(kind="database", name="d", uri="x")])
    again = await store.attach(thread.id, [Attachment(kind="database", name="d", uri="y")])
    assert (len(attached.attachments), again.attachments[0].uri) == (1, "y")
    runs = [await store.create_run(thread.id, "f", {"n": n}, parent="p", engine="temporal") for n in range(3)]
    assert [run.id for run in await other.runs(thread=thread.id)] == [run.id for run in reversed(runs)]
    assert (await other.run(runs[0].id)).engine == "temporal"
    await store.set_status(runs[1].id, "done", result={"text": "schön \u0001"}, error="")
    assert [run.result for run in await other.runs(thread=thread.id, status=["done"])] == [{"text": "schön \u0001"}]
    assert (await other.thread(thread.id)).title == "b"
    assert (await other.threads(limit=1))[0].id == thread.id
    for unknown in (store.thread("x"), store.run("x"), store.attach("x", []), store.create_run("x", "f", {})):
        with pytest.raises(UserError, match="There is no"):
            await unknown


async def test_a_run_with_an_id_of_its_own_is_one_run(make: Any) -> None:
    store = make()
    thread = await store.create_thread("t")
    own = f"own{thread.id}"
    first = await store.create_run(thread.id, "f", {"n": 1}, run=own)
    assert (await store.create_run(thread.id, "f", {"n": 2}, run=own)).input == first.input == {"n": 1}


async def test_events_are_numbered_without_gaps_by_writers_at_the_same_time(make: Any) -> None:
    store, other = make(), make()
    thread = await store.create_thread("t")
    run = (await store.create_run(thread.id, "f", {})).id
    await asyncio.gather(*[(store if n % 2 else other).append(run, Note(text=str(n))) for n in range(20)])
    first = await store.append(run, Note(text="once"), once="k")
    assert (await other.append(run, Note(text="twice"), once="k")).text == "once"
    events = await other.events(run)
    assert [event.seq for event in events] == list(range(1, 22))
    assert [event.seq for event in await store.events(run, after=20)] == [first.seq]


async def test_an_approval_is_asked_once_decided_once_and_edited_only_into_what_fits(make: Any) -> None:
    store, other = make(), make()
    thread = await store.create_thread("t")
    run = (await store.create_run(thread.id, "f", {})).id
    schema = Pace.model_json_schema()
    asked = await store.ask(run, "1:go", title="Go?", request={"speed": 1}, edits=schema)
    assert (await other.ask(run, "1:go", title="Go?", request={"speed": 1}, edits=schema)).id == asked.id
    assert [each.id for each in await other.approvals(run=run)] == [asked.id]
    with pytest.raises(UserError, match="does not fit"):
        await other.decide(run, asked.id, Decision(approved=True, edited={"speed": "x"}))
    with pytest.raises(UserError, match="asks for no approval"):
        await other.decide("another", asked.id, Decision(approved=True))
    assert (await other.decide(run, asked.id, Decision(approved=True, edited={"speed": 2}))).decision is not None
    with pytest.raises(UserError, match="already decided"):
        await store.decide(run, asked.id, Decision(approved=False))
    assert await store.approvals(run=run) == []


async def test_always_holds_for_the_same_tool_in_the_rest_of_the_thread(make: Any) -> None:
    store = make()
    thread = await store.create_thread("t")
    first, second = [(await store.create_run(thread.id, "f", {})).id for _ in range(2)]
    request = {"server": "w", "tool": "write", "arguments": {}}
    asked = await store.ask(first, "k", title="t", request=request)
    await store.decide(first, asked.id, Decision(approved=True, always=True))
    again = await store.ask(second, "k", title="t", request=request)
    assert again.decision is not None
    assert again.decision.by == "always"
    assert (await store.ask(second, "other", title="t", request={**request, "tool": "drop"})).decision is None


async def test_a_lease_is_held_by_one_and_a_late_holder_writes_nothing(make: Any) -> None:
    store, other = make(), make()
    thread = await store.create_thread("t")
    run = (await store.create_run(thread.id, "f", {})).id
    held = await store.acquire(run, "elsewhere:1:a", seconds=60)
    assert await other.acquire(run, "elsewhere:2:b") is None
    assert await other.holder(run) == "elsewhere:1:a"
    assert await store.renew(held, seconds=0.0)
    taken = await other.acquire(run, "elsewhere:2:b")
    assert taken.fence > held.fence
    assert not await store.renew(held)
    for late in (
        store.set_status(run, "done", fence=held.fence),
        store.append(run, Note(text="late"), fence=held.fence),
    ):
        with pytest.raises(OperatorError, match="took over"):
            await late
    await store.release(held)
    assert await other.holder(run) == "elsewhere:2:b"
    await other.release(taken)
    assert await other.holder(run) is None
