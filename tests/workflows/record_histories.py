"""Records the histories that `test_histories.py` replays: python -m tests.workflows.record_histories [ADDRESS]

Do this only after a change of a flow that no run under way can meet, or that `ctx.version` guards. With the address of
a Temporal server its histories are recorded too.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from app.wiring import FLOWS, wire
from lyceum.settings import load_settings

HERE = Path(__file__).parent / "histories"
DOCUMENTS = Path(__file__).parents[2] / "docs" / "example" / "warranty.md"
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "one_agent": ("chat_turn", {"question": "Which genre has the most tracks?"}),
    "planned": ("chat_turn", {"question": "How many tracks are there, and how many genres?"}),
    "research": (
        "deep_research",
        {
            "question": "How long is the warranty?",
            "places": [{"kind": "docs", "name": "warranty", "uri": str(DOCUMENTS)}],
            "approve": ["research_plan"],
        },
    ),
    "team": ("plan_execute_review", {"question": "How many tracks are there?", "approve": ["*"]}),
    "ingest": ("ingest", {"path": str(DOCUMENTS), "collection": "warranty"}),
}


async def record_journal(name: str, flow: str, request: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as home:
        async with wire(load_settings(offline=True, home=Path(home))) as app:
            run = await app.journal.drive(await app.journal.submit(flow, request))
            store = app.journal.journal
            entries = await store.entries(run.id)
            kept: dict[str, Any] = {
                "run": run.id,
                "flow": flow,
                "thread": run.thread,
                "input": run.input,
                "result": run.result,
                "entries": {
                    key: [entry.arguments, await app.journal.journal.value(entry)] for key, entry in entries.items()
                },
            }
    (HERE / f"journal_{name}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


async def record_temporal(name: str, flow: str, request: dict[str, Any], address: str) -> None:
    from lyceum.settings import TemporalSettings
    from workflows.engines.temporal.client import TemporalEngine
    from workflows.engines.temporal.worker import make_worker

    settings = TemporalSettings(address=address, task_queue="histories")
    with tempfile.TemporaryDirectory() as home:
        async with wire(load_settings(offline=True, home=Path(home))) as app:
            engine = TemporalEngine(app.runtime, FLOWS, settings)
            client = await engine.client()
            async with await make_worker(client, app.runtime, FLOWS, settings):
                run = await engine.drive(await engine.submit(flow, request))
            history = await client.get_workflow_handle(run.id).fetch_history()
    (HERE / f"temporal_{name}.json.gz").write_bytes(gzip.compress(history.to_json().encode(), mtime=0))


async def main(address: str | None) -> None:
    HERE.mkdir(exist_ok=True)
    for name, (flow, request) in RUNS.items():
        await record_journal(name, flow, request)
        if address is not None:
            await record_temporal(name, flow, request, address)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
