"""Ten research runs at once: each keeps to its own events, sources and budget."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from app.worker import JournalWorker
from lyceum.events import Answered, SourceFound, ToolCalled
from tests.workflows.conformance.research import CHINOOK, write_documents

NAMES = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "knoll")
PLACE = re.compile(r"(doc:\w+(?=/)|sql):?")
TIGHT = NAMES[3]  # the one whose budget ends it


def request_of(folder: Path, place: int) -> dict[str, Any]:
    name = NAMES[place]
    documents = write_documents(folder / name, 12, seed=place, token=f"{name}house")
    return {
        "question": f"In which year did the {name}house record label open, and which genre has the most tracks?",
        "places": [
            {"kind": "docs", "name": name, "uri": str(documents)},
            {"kind": "sql", "name": "chinook", "uri": str(CHINOOK)},
        ],
        "budget": {"calls": 1 if name == TIGHT else 40 + place},
        "approve": ["*"],
    }


async def check_own(app: Any, run_id: str, place: int) -> None:
    """Assert that all that a run holds is its own, and that its budget and what it used are."""
    name = NAMES[place]
    run, events = await app.store.run(run_id), await app.store.events(run_id)
    assert run.status == ("limit" if name == TIGHT else "done"), run.error
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert {event.run for event in events} == {run_id}
    for event in events:
        said = event.model_dump_json()
        assert not [other for other in NAMES if other != name and f"{other}house" in said], event.kind
    sources = [event.source for event in events if isinstance(event, SourceFound)]
    assert {found[1] for source in sources if (found := PLACE.match(source.id))} <= {f"doc:{name}", "sql"}
    assert all(PLACE.match(source.id) for source in sources)
    [answer] = [event for event in events if isinstance(event, Answered)]
    report: Any = answer.output
    assert report["run"] == run_id
    assert report["plan"]["budget"]["calls"] == (1 if name == TIGHT else 40 + place)
    calls = [event for event in events if isinstance(event, ToolCalled)]
    assert report["used"]["calls"] == len(calls)
    cited = {source.id for source in answer.sources}
    assert cited <= {source.id for source in sources}
    if name == TIGHT:
        assert len(calls) <= 1
        assert "1 calls" in run.error or "budget of calls" in run.error
    else:
        assert f"{name}house" in answer.text
        assert "Rock" in answer.text
        assert cited


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_on_the_journal_ten_runs_keep_to_their_own(wired: Any, tmp_path: Path) -> None:
    async with wired() as app:
        runs = [await app.engine.submit("deep_research", request_of(tmp_path, place)) for place in range(len(NAMES))]
        await JournalWorker(app.journal, concurrency=len(NAMES), young=0).run(asyncio.Event(), once=True)
        for place, run in enumerate(runs):
            await check_own(app, run, place)


@pytest.mark.service
@pytest.mark.timeout(900)
async def test_on_temporal_ten_runs_keep_to_their_own(wired: Any, tmp_path: Path, temporal_server: Any) -> None:
    from app.wiring import FLOWS
    from lyceum.settings import TemporalSettings
    from workflows.engines.temporal.worker import make_worker

    settings = TemporalSettings(address=f"127.0.0.1:{temporal_server[1]}", task_queue="together")
    async with wired(engine="temporal", temporal=settings) as app:
        async with await make_worker(await app.engine.client(), app.runtime, FLOWS, settings):
            runs = [
                await app.engine.submit("deep_research", request_of(tmp_path, place)) for place in range(len(NAMES))
            ]
            await asyncio.gather(*[app.engine.drive(run) for run in runs])
        for place, run in enumerate(runs):
            await check_own(app, run, place)
