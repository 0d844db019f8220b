"""A fork keeps what its run had finished before a step, as it was, and does the rest anew."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyceum.errors import UserError
from lyceum.events import RunStarted, ToolCalled
from workflows.deep_research import ResearchRequest
from workflows.engines.forking import comes_before, places, resolved
from workflows.steps.research.budget import Budget
from workflows.steps.research.markdown import stable_part
from workflows.steps.research.plan import Place

QUESTION = "How many bells hang in the tower? When was the tower built?"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "docs"
    made.mkdir()
    (made / "tower.md").write_text("# Tower\n\nFour bells hang in the tower.\n\nThe tower was built in 1412.\n")
    return made


async def researched(app: Any, folder: Path, **more: Any) -> Any:
    place = Place(kind="docs", name="tower", uri=str(folder))
    asked = ResearchRequest(question=QUESTION, places=[place], approve=["*"], **more)
    run = await app.engine.drive(await app.engine.submit("deep_research", asked))
    assert run.status == "done", run.error
    return run


@pytest.mark.slow
async def test_a_fork_from_any_step_ends_with_the_same_report_and_keeps_every_call_before_it(
    wired: Any, folder: Path
) -> None:
    async with wired() as app:
        first = await researched(app, folder)
        steps = await app.engine.steps(first.id)
        before = await app.engine.journal.entries(first.id)
        for step in [*steps[:: len(steps) // 8], "label_of", "agent.reviewer"]:
            new = await app.engine.fork(first.id, step)
            kept = await app.engine.journal.entries(new)
            fork = await app.engine.drive(new)
            assert fork.status == "done", (step, fork.error)
            assert stable_part(fork.result["text"]) == stable_part(first.result["text"]), step
            after = await app.engine.journal.entries(new)
            assert after.keys() == before.keys(), step
            assert {key: entry for key, entry in after.items() if key in kept} == kept, step
            assert all(kept[key] == before[key] for key in kept)
            assert not [key for key in after if key not in kept and comes_before(key, resolved(step, steps))]
            kinds = [[type(event) for event in await app.store.events(run)] for run in (first.id, new)]
            assert sorted(map(str, kinds[0])) == sorted(map(str, kinds[1])), step


async def test_a_fork_from_the_writing_looks_nothing_up_again_and_can_be_forked_itself(
    wired: Any, folder: Path
) -> None:
    heard: list[Any] = []
    async with wired(heard) as app:
        first = await researched(app, folder)
        heard.clear()
        fork = await app.engine.drive(await app.engine.fork(first.id, "agent.writer"))
        [started, *_] = await app.store.events(fork.id)
        third = await app.engine.drive(await app.engine.fork(fork.id, "agent.reviewer"))
        assert third.status == "done", third.error
        assert await app.engine.journal.origins(third.id) == [fork.id, first.id]
        with pytest.raises(UserError, match="no step") as refused:
            await app.engine.fork(first.id, "agent.writr")
    assert "agent.writer" in refused.value.next_step
    assert stable_part(third.result["text"]) == stable_part(first.result["text"])
    assert isinstance(started, RunStarted)
    assert started.forked is not None
    assert started.forked.run == first.id
    assert not [event for event in heard if isinstance(event, ToolCalled)]
    assert fork.result["output"]["used"]["calls"] == first.result["output"]["used"]["calls"]


@pytest.mark.slow
async def test_the_days_between_a_run_and_its_fork_are_not_of_its_budget(
    wired: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Yesterday(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz or UTC) - timedelta(days=1)

    async with wired() as app:
        with monkeypatch.context() as earlier:
            earlier.setattr("workflows.engines.journal_context.datetime", Yesterday)
            clock = SimpleNamespace(time=lambda: time.time() - 86_400)
            earlier.setattr("workflows.engines.journal_store.time", clock)
            first = await researched(app, folder, budget=Budget(seconds=600))
        fork = await app.engine.drive(await app.engine.fork(first.id, "agent.writer"))
    assert fork.status == "done", fork.error
    assert not fork.result["output"]["partial"]


@pytest.mark.slow
async def test_a_fork_takes_up_the_notes_that_were_taken_up_before_it(wired: Any, folder: Path) -> None:
    async with wired() as app:
        place = Place(kind="docs", name="tower", uri=str(folder))
        asked = ResearchRequest(question=QUESTION, places=[place], approve=["*"])
        run = await app.engine.submit("deep_research", asked)
        await app.engine.send(run, "steer", "drop q2")
        first = await app.engine.drive(run)
        later = await app.engine.fork(run, "agent.writer")
        fork = await app.engine.drive(later)
        assert stable_part(fork.result["text"]) == stable_part(first.result["text"])
        anew = await app.engine.fork(run, "label_of")  # the note came after this step
        await app.engine.send(anew, "steer", "drop q1")
        fork = await app.engine.drive(anew)
    assert [section["id"] for section in fork.result["output"]["sections"]] == ["q2"]


PART = st.builds("{}:{}".format, st.integers(1, 4), st.sampled_from(["gather", "step", "agent.x"]))
KEY = st.lists(st.tuples(PART, st.sampled_from("012")), max_size=2).flatmap(
    lambda scopes: PART.map(lambda last: "/".join([*(each for scope in scopes for each in scope), last]))
)


@given(KEY, KEY)
def test_of_two_places_at_most_one_comes_before_unless_they_are_in_branches_side_by_side(a: str, b: str) -> None:
    beside = any(
        x.isdigit() and y.isdigit() and x != y and a.split("/")[:at] == b.split("/")[:at]
        for at, (x, y) in enumerate(zip(a.split("/"), b.split("/"), strict=False))
    )
    assert not comes_before(a, a)
    if beside:
        assert comes_before(a, b)
        assert comes_before(b, a)
    else:
        assert not (comes_before(a, b) and comes_before(b, a))


def test_a_place_is_named_in_full_by_number_or_by_the_name_of_its_call() -> None:
    known = places(["1:now", "2:gather/0/1:open", "2:gather/1/1:open", "10:agent.a", "10:agent.a/1:inner", "9:now"])
    assert known == ["1:now", "2:gather", "2:gather/0/1:open", "2:gather/1/1:open", "9:now", "10:agent.a"]
    assert resolved("2:gather/1/1:open", known) == "2:gather/1/1:open"
    assert resolved("9", known) == "9:now"
    assert resolved("open", known) == "2:gather"
