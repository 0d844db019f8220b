"""Research over the web: pages found by a search provider are read, cited and held against documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lyceum.events import ToolReturned
from lyceum.runs import Decision
from workflows.deep_research import ResearchRequest
from workflows.steps.research.plan import Place
from workflows.steps.research.report import Report


async def test_pages_are_sources_like_documents_and_disagree_with_them(wired: Any, site: Any, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "old.md").write_text(
        "# Old\n\nTarnfell Ferries runs seven ships between Ostwick and the islands."
    )
    request = ResearchRequest(
        question="How many ships does Tarnfell Ferries run?",
        places=[Place(kind="docs", name="old", uri=str(tmp_path / "docs")), Place(kind="web", name="web")],
    )
    settings = {"web": {"searxng_url": site.base, "allow_private": ["127.0.0.1"]}}
    async with wired(servers=settings) as app:
        run = await app.engine.drive(await app.engine.submit("deep_research", request))
        [asked] = await app.store.approvals(run=run.id)
        await app.engine.decide(run.id, asked.id, Decision(approved=True))
        run = await app.engine.drive(run.id)
        events = await app.store.events(run.id)
    report = Report.model_validate(run.result["output"])
    texts = [claim.text for claim in report.sections[0].claims]
    assert "Tarnfell Ferries runs four ships between Ostwick and the islands." in texts
    [found] = report.contradictions
    assert {found.value_a, found.value_b} == {"four ships", "seven ships"}
    page = next(each for each in report.registry if each.source.kind == "page" and "four ships" in each.source.text)
    assert {"web page of 127.0.0.1", "dated 2031-05-04", "not encrypted on its way here"} <= set(page.notes)
    tools = {event.tool for event in events if isinstance(event, ToolReturned)}
    assert tools == {"retrieval_search", "web_search", "web_fetch"}


async def test_without_a_search_provider_the_report_says_what_to_set(wired: Any) -> None:
    async with wired() as app:
        request = ResearchRequest(question="How many ships?", places=[Place(kind="web", name="web")])
        run = await app.engine.drive(await app.engine.submit("deep_research", request))
    assert run.status == "failed"
    assert "searxng_url" in run.error
