"""Asking back before the plan: only where a question cannot be carried out as it stands."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from agents.clarifier import Asked, doubt_of, named_things
from lyceum.errors import UserError
from lyceum.events import Note, ToolCalled
from lyceum.runs import Decision
from workflows.deep_research import TOOL, ResearchRequest
from workflows.steps.research.clarify import what_is_known
from workflows.steps.research.plan import Place, open_source

HERE = Path(__file__).parent
CASES = yaml.safe_load((HERE / "clarify.yaml").read_text(encoding="utf-8"))
SOURCES = {
    "ferries": [("docs", "evals/suites/deep_research/documents")],
    "brewline": [("docs", "docs/example"), ("sql", "docs/example/orders.csv")],
    "chinook": [("sql", "mcp_servers/sql/chinook.sqlite")],
}


def test_words_that_point_to_nothing_are_asked_back_and_no_others() -> None:
    plain = [case for case in CASES if not named_things(case["question"])]
    wrong = [case for case in plain if bool(doubt_of(Asked(question=case["question"])).ask) is not case["ask"]]
    assert len(plain) > 30
    assert not wrong


@pytest.mark.slow
async def test_a_name_that_no_source_knows_is_asked_back_and_no_other(wired: Any) -> None:
    asked: list[bool] = []
    async with wired() as app:
        thread = (await app.store.create_thread("clarify")).id
        opened = {
            name: [
                await open_source(app.runtime, thread, Place(kind=kind, name=name, uri=str(Path(where).resolve())))
                for kind, where in places
            ]
            for name, places in SOURCES.items()
        }
        assert not [each for places in opened.values() for each in places if each.problem]
        for case in CASES:
            known = await what_is_known(app.runtime, case["question"], opened[case["sources"]])
            asked.append(bool(doubt_of(known).ask))
    wrong = [case["question"] for case, ask in zip(CASES, asked, strict=True) if ask and not case["ask"]]
    missed = [case["question"] for case, ask in zip(CASES, asked, strict=True) if case["ask"] and not ask]
    assert not wrong
    assert not missed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "docs"
    made.mkdir()
    (made / "mill.md").write_text("# Mill\n\nThe Ardley mill was built in 1790. The Ardley mill has three wheels.\n")
    return made


def asked_of(folder: Path, **more: Any) -> ResearchRequest:
    place = Place(kind="docs", name="mill", uri=str(folder))
    return ResearchRequest(**{"question": "When was the Ardlei built?", "places": [place], **more})


async def test_an_answer_is_what_is_researched_and_a_name_that_is_near_is_offered(wired: Any, folder: Path) -> None:
    async with wired() as app:
        run = await app.engine.drive(await app.engine.submit("deep_research", asked_of(folder, approve=[TOOL])))
        [question] = await app.store.approvals(run=run.id)
        assert "'Ardlei'" in question.title
        assert question.request["options"] == ["When was the Ardley built?"]
        with pytest.raises(UserError, match="does not fit"):
            await app.engine.decide(run.id, question.id, Decision(approved=True, edited={"plan": []}))
        edited = {"question": "When was the Ardley mill built?"}
        await app.engine.decide(run.id, question.id, Decision(approved=True, edited=edited))
        run = await app.engine.drive(run.id)
    assert run.status == "done", run.error
    report = run.result["output"]
    assert [section["question"] for section in report["sections"]] == ["When was the Ardley mill built?"]
    assert report["question"] == "When was the Ardley mill built?"
    assert "1790" in run.result["text"]
    assert any("'When was the Ardlei built?'" in note for note in report["notes"])


async def test_without_an_answer_in_time_the_question_is_taken_as_it_stands_and_a_refusal_ends_the_run(
    wired: Any, folder: Path
) -> None:
    async with wired() as app:
        late = asked_of(folder, answer_within=0.2, approve=[TOOL])
        run = await app.engine.drive(await app.engine.submit("deep_research", late))
        assert run.status == "waiting"
        await asyncio.sleep(0.2)
        assert run.id in await app.engine.journal.wakes(time.time())  # a worker goes on with it by itself
        run = await app.engine.drive(run.id)
        assert run.status == "done", run.error
        assert run.result["output"]["question"] == "When was the Ardlei built?"
        run = await app.engine.drive(await app.engine.submit("deep_research", asked_of(folder)))
        [question] = await app.store.approvals(run=run.id)
        await app.engine.decide(run.id, question.id, Decision(approved=False))
        run = await app.engine.drive(run.id)
        assert run.result["declined"]
        assert not [event for event in await app.store.events(run.id) if isinstance(event, ToolCalled)]


async def test_yes_is_never_asked_back_and_is_told_what_is_not_clear(wired: Any, folder: Path) -> None:
    async with wired() as app:
        asked = asked_of(folder, yes=True, approve=[TOOL])
        run = await app.engine.drive(await app.engine.submit("deep_research", asked))
        notes = [event.text for event in await app.store.events(run.id) if isinstance(event, Note)]
    assert run.status == "done"
    assert any("'Ardlei'" in note and "as it stands" in note for note in notes)


async def test_with_a_language_model_the_model_says_what_is_not_clear(wired: Any, folder: Path) -> None:
    async def answers(_messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[dict[int, DeltaToolCall]]:
        if "about to be researched" not in (info.instructions or ""):
            raise RuntimeError("nobody else is there")
        asked = json.dumps({"ask": "The mill in Ardley, or the one in Ostwick?", "options": []})
        yield {0: DeltaToolCall(name=info.output_tools[0].name, json_args=asked, tool_call_id="c")}

    class Only:
        reason = "a test"

        def get(self, key: str = "default") -> Any:
            return FunctionModel(stream_function=answers, model_name="asker")

    async with wired() as app:
        object.__setattr__(app.runtime, "models", Only())
        asked = asked_of(folder, question="When was the mill built?")
        run = await app.engine.drive(await app.engine.submit("deep_research", asked))
        [question] = await app.store.approvals(run=run.id)
    assert question.title == "The mill in Ardley, or the one in Ostwick?"
