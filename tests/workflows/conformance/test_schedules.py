"""Schedules on a real Temporal server: a research is repeated there, with runs in SQLite and in PostgreSQL."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lyceum.errors import UserError
from lyceum.events import Answered
from tests.mcp_servers.conftest import new_database  # noqa: F401  # pyright: ignore[reportUnusedImport]

pytestmark = pytest.mark.service


@pytest.mark.timeout(200)
@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_a_research_is_repeated_on_temporal_and_says_what_changed(
    store: str, temporal_server: Any, wired: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from app.schedules import schedules_of
    from app.wiring import FLOWS
    from lyceum.settings import TemporalSettings
    from workflows.deep_research import ResearchRequest
    from workflows.engines.temporal.worker import make_worker
    from workflows.steps.research.plan import Place

    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "tower.md").write_text("# Tower\n\nFour bells hang in the tower of Ardley.\n")
    where: dict[str, Any] = {"store": request.getfixturevalue("new_database")("repeats")} if store == "postgres" else {}
    settings = TemporalSettings(address=f"127.0.0.1:{temporal_server[1]}", task_queue=f"repeats-{store}")
    place = Place(kind="docs", name="tower", uri=str(folder))
    asked = ResearchRequest(question="How many bells hang in the tower of Ardley?", places=[place], approve=["*"])
    async with wired(engine="temporal", temporal=settings, **where) as app, schedules_of(app) as kept:
        client = await app.engine.client()
        async with await make_worker(client, app.runtime, FLOWS, settings):
            base = await app.engine.drive(await app.engine.submit("deep_research", asked))
            assert base.status == "done", base.error
            made = await kept.add(base.id, 3600)
            made = await kept.add(base.id, 7200)  # another interval for the same run, not another schedule
            assert (made.every, made.paused) == (7200, False)
            assert made.next is not None
            (folder / "tower.md").write_text("# Tower\n\nFive bells hang in the tower of Ardley.\n")
            await kept.now(base.id)
            while not (new := [run for run in await app.store.runs() if run.parent == base.id]):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            run = await app.engine.drive(new[0].id)
            assert run.status == "done", run.error
            answer = [event for event in await app.store.events(run.id) if isinstance(event, Answered)][-1]
            assert "- new, q1: Five bells hang in the tower of Ardley." in answer.text
            await kept.pause(base.id)
            while not (listed := [each for each in await kept.all() if each.run == base.id]):  # noqa: ASYNC110 - the server lists it a moment later
                await asyncio.sleep(0.2)
            assert listed[0].paused
            assert listed[0].last == run.id
            await kept.remove(base.id)
            with pytest.raises(UserError, match="not repeated"):
                await kept.pause(base.id)
