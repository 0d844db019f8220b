"""Approvals, notes and cancellation: what a person says to a run, from another process, before or after a restart."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lyceum.errors import UserError
from lyceum.events import ApprovalDecided, RunFinished
from lyceum.runs import Decision
from tests.workflows.conformance.harness import ended


async def asked(runs: Any, **request: Any) -> tuple[str, str]:
    run = await runs.submit("asks", **request)
    assert (await runs.settle(run)).status == "waiting"
    [approval] = await runs.engine.runtime.store.approvals(run=run)
    return run, approval.id


@pytest.mark.parametrize(
    ("decision", "told"),
    [
        pytest.param(
            Decision(approved=True),
            {"approved": True, "reason": "", "edited": None, "by": "user"},
            marks=pytest.mark.slow,
        ),
        (
            Decision(approved=False, reason="too fast", by="ann"),
            {"approved": False, "reason": "too fast", "edited": None, "by": "ann"},
        ),
        (
            Decision(approved=True, edited={"speed": 7}),
            {"approved": True, "reason": "", "edited": {"speed": 7}, "by": "user"},
        ),
    ],
    ids=["granted", "denied", "edited"],
)
async def test_an_approval_is_taken_as_it_was_given_also_after_a_restart(
    runs: Any, decision: Decision, told: dict[str, Any]
) -> None:
    run, approval = await asked(runs)
    if runs.name == "temporal":
        runs.crash()
    await runs.engine.decide(run, approval, decision)
    done = await runs.settle(run)
    assert (done.status, done.result) == ("done", told)
    assert runs.counted() == {"before": 1, "after": 1}
    decided = [each for each in await runs.engine.runtime.store.events(run) if isinstance(each, ApprovalDecided)]
    assert [each.approved for each in decided] == [decision.approved]


async def test_an_approval_that_does_not_stand_is_refused_with_the_reason(runs: Any) -> None:
    run, approval = await asked(runs)
    other, _ = await asked(runs)
    with pytest.raises(UserError, match="asks for no approval"):  # another run's
        await runs.engine.decide(other, approval, Decision(approved=True))
    with pytest.raises(UserError, match="asks for no approval"):  # forged
        await runs.engine.decide(run, "forged", Decision(approved=True))
    with pytest.raises(UserError, match="does not fit"):  # edited into what the flow cannot take
        await runs.engine.decide(run, approval, Decision(approved=True, edited={"speed": "fast"}))
    await runs.engine.decide(run, approval, Decision(approved=False))
    with pytest.raises(UserError, match=r"already decided|already ended"):  # twice
        await runs.engine.decide(run, approval, Decision(approved=True))
    done = await runs.settle(run)
    assert done.result["approved"] is False
    with pytest.raises(UserError, match="ended"):  # stale
        await runs.engine.decide(run, approval, Decision(approved=True))


@pytest.mark.slow
async def test_an_approval_that_nobody_gives_is_refused_when_its_time_is_over(runs: Any) -> None:
    run = await runs.submit("asks", seconds=0.5)
    assert (await runs.settle(run)).status == "waiting"
    if runs.name == "journal":
        while not await runs.due(run):  # noqa: ASYNC110 - as a worker asks
            await asyncio.sleep(0.05)
        await runs.settle(run)
    done = await ended(runs, run)
    assert done.result == {"approved": False, "reason": "Nobody answered in time.", "edited": None, "by": "timeout"}


async def test_a_note_is_taken_up_at_the_next_step_and_once(runs: Any) -> None:
    runs.plan("hold", "a", "b")
    run = await runs.submit("steered")
    runs.begin(run)
    await runs.reach("a")
    await runs.engine.send(run, "steer", "prefer primary sources")
    await runs.engine.send(run, "other", "not this one")
    runs.release("a")
    await runs.reach("b")
    await runs.engine.send(run, "steer", "drop question 3")
    runs.crash()
    runs.release("b")
    done = await runs.settle(run)
    assert done.result == {"notes": [["prefer primary sources"], ["drop question 3"]]}
    assert runs.counted()["a"] == 1
    with pytest.raises(UserError, match="ended"):
        await runs.engine.send(run, "steer", "too late")


@pytest.mark.parametrize(
    "name", [pytest.param("a", marks=pytest.mark.slow), "b", pytest.param("c", marks=pytest.mark.slow)]
)
async def test_a_run_cancelled_in_any_step_finishes_its_clean_up_and_nothing_else(runs: Any, name: str) -> None:
    names = ["a", "b", "c"]
    runs.plan("hold", name)
    run = await runs.submit("tidies", names=names)
    runs.begin(run)
    await runs.reach(name)
    await runs.engine.cancel(run)
    await runs.reach("tidy2")
    done = await ended(runs, run)
    assert done.status == "cancelled"
    assert runs.counted() == dict.fromkeys([*names[: names.index(name) + 1], "tidy1", "tidy2"], 1)
    await asyncio.sleep(0.05)
    finished = [each for each in await runs.engine.runtime.store.events(run) if isinstance(each, RunFinished)]
    assert [each.status for each in finished] == ["cancelled"]
    with pytest.raises(UserError, match="already ended"):
        await runs.engine.cancel(run)
