"""The team plans, works, writes and reviews; a person accepts, edits or refuses what comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from lyceum.errors import UserError
from lyceum.events import Answered, ModelCalled, Note
from lyceum.runs import Decision

TASK = "How many tracks are there, and which genre has the most tracks?"


async def begun(app: Any, **request: Any) -> tuple[str, Any]:
    run = await app.engine.submit("plan_execute_review", {"question": TASK, **request})
    assert (await app.engine.drive(run)).status == "waiting"
    [question] = await app.store.approvals(run=run)
    return run, question


async def test_the_answer_waits_for_a_person_who_may_edit_it(wired: Any) -> None:
    async with wired() as app:
        run, question = await begun(app)
        draft = question.request["arguments"]
        assert "3503" in draft["answer"]
        assert "Rock" in draft["answer"]
        assert draft["objections"] == []
        asked = [event.agent for event in await app.store.events(run) if isinstance(event, ModelCalled)]
        assert asked[0] == "planner"
        assert asked.count("writer") == 2  # one section a step
        assert asked[-1] == "reviewer"
        with pytest.raises(UserError):
            await app.engine.decide(run, question.id, Decision(approved=True, edited={"answer": 3}))
        edited = {"answer": "3503 tracks, mostly Rock.", "objections": []}
        await app.engine.decide(run, question.id, Decision(approved=True, edited=edited))
        done = await app.engine.drive(run)
        answer = Answered.model_validate(done.result)
        assert answer.text == edited["answer"]
        assert len(answer.sources) == 2


async def test_work_that_is_refused_with_a_reason_is_done_again_and_asked_about_again(wired: Any) -> None:
    async with wired() as app:
        run, first = await begun(app)
        await app.engine.decide(run, first.id, Decision(approved=False, reason="Count them once more."))
        assert (await app.engine.drive(run)).status == "waiting"
        [second] = await app.store.approvals(run=run)
        assert second.id != first.id
        await app.engine.decide(run, second.id, Decision(approved=False, reason="No."))
        done = await app.engine.drive(run)
        answer = Answered.model_validate(done.result)
        assert (done.status, answer.declined, answer.text) == ("done", True, "The answer was refused.")
        events = await app.store.events(run)
        asked = [event.agent for event in events if isinstance(event, ModelCalled)]
        assert asked.count("writer") == 4
        assert any("Count them once more" in event.text for event in events if isinstance(event, Note))


async def test_a_budget_of_its_own_ends_it_with_what_it_has(wired: Any) -> None:
    async with wired() as app:
        run = await app.engine.submit("plan_execute_review", {"question": TASK, "budget": {"calls": 3}})
        ended = await app.engine.drive(run)
        assert ended.status == "limit"
        assert "3 tool calls" in ended.error
        calls = [event for event in await app.store.events(run) if event.kind == "tool_called"]
        assert len(calls) == 3
