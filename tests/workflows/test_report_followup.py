"""Asking on after a report: what it says of itself, and what its sources hold, those of the web among them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lyceum.events import Answered
from workflows.chat_turn import ChatRequest
from workflows.deep_research import ResearchRequest
from workflows.steps.research.plan import Place
from workflows.steps.research.report import Report
from workflows.steps.research.searching import Registered

QUESTION = "When was the Ardley mill built? How many bells has the mill?"


async def asked(app: Any, thread: str, question: str) -> Answered:
    run = await app.engine.submit("chat_turn", ChatRequest(question=question, remember=False), thread=thread)
    return Answered.model_validate((await app.engine.drive(run)).result)


async def test_a_report_answers_for_itself_with_its_own_citations(wired: Any, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "mill.md").write_text("# Mill\n\nThe Ardley mill was built on 3 May 1790 by the miller.\n")
    (folder / "press.md").write_text("# Press\n\nThe Ardley mill was built on 9 May 1790, the press office says.\n")
    request = ResearchRequest(
        question=QUESTION, places=[Place(kind="docs", name="mill", uri=str(folder))], approve=["*"]
    )
    async with wired() as app:
        thread = (await app.store.create_thread("mill")).id
        run = await app.engine.drive(await app.engine.submit("deep_research", request, thread=thread))
        report = Report.model_validate(run.result["output"])
        cited = [each.source.id for each in report.cited]
        second = await asked(app, thread, "What does source [2] say?")
        assert [source.id for source in second.sources] == [cited[1]]
        against = await asked(app, thread, "Do the sources contradict each other?")
        assert "3 May 1790" in against.text
        assert "9 May 1790" in against.text
        assert {source.id for source in against.sources} == set(cited)
        whole = await asked(app, thread, "Summarize the report")
        claims = [claim.text for section in report.sections for claim in section.claims]
        assert [claim.text for claim in whole.claims] == claims
        missing = await asked(app, thread, "What is missing in the report?")
        assert report.missing[0] in missing.text
        other = await asked(app, thread, "How tall is the lighthouse of Norholm?")
        assert other.declined


async def test_a_page_of_the_web_that_a_report_cites_answers_what_is_asked_afterwards(wired: Any) -> None:
    page = {
        "id": "web:ferry#1", "kind": "page", "title": "Ferries", "uri": "https://ferries.example/",
        "text": "The crossing from Ostwick to the islands takes fifty minutes.", "locator": "",
    }  # fmt: skip
    held = Registered(source=page, origin="web", retrieved=datetime.now(UTC), notes=["web page"])  # type: ignore[arg-type]
    async with wired() as app:
        thread = (await app.store.create_thread("ferries")).id
        report = Report.model_validate(
            {"run": "r", "question": "Ferries?", "label": "a test", "registry": [held], "sections": [],
             "plan": {"sub_questions": [{"id": "q1", "question": "Ferries?", "sources": ["web"]}]}}
        )  # fmt: skip
        run = await app.store.create_run(thread, "deep_research", {"question": "Ferries?"})
        answer = Answered(role="research", text="...", output=report.model_dump(mode="json"))
        await app.store.append(run.id, answer)
        await app.store.set_status(run.id, "done")
        told = await asked(app, thread, "How long does the crossing from Ostwick to the islands take?")
    assert "fifty minutes" in told.text
    assert [source.id for source in told.sources] == ["web:ferry#1"]
