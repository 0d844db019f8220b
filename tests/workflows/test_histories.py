"""Runs that began on an earlier commit still fit the flows: their recorded histories are replayed."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from app.wiring import FLOWS
from lyceum.settings import TemporalSettings

PATIENCE = 30.0  # seconds that a replay may take; it takes one

HERE = Path(__file__).parent / "histories"
HOW = "A run under way would be refused: guard it with ctx.version, then python -m tests.workflows.record_histories"


@pytest.mark.parametrize("path", sorted(HERE.glob("journal_*.json")), ids=lambda path: path.stem)
async def test_a_journal_of_an_earlier_commit_replays_without_a_single_call(path: Path, wired: Any) -> None:
    kept = json.loads(path.read_text(encoding="utf-8"))
    async with wired() as app:
        engine, store = app.journal, app.store
        row = (kept["thread"], "recorded", "2026-11-27T00:00:00+00:00")
        store._database.execute("INSERT INTO threads(id, title, created) VALUES (?, ?, ?)", row)
        run = await engine.submit(
            kept.get("flow", "chat_turn"), kept["input"], thread=kept["thread"], run_id=kept["run"]
        )
        lease = await store.acquire(run, "recorder", seconds=60)
        for key, (arguments, value) in kept["entries"].items():
            await engine.journal.put(lease, key, arguments, value)
        await store.release(lease)
        done = await engine.drive(run)
        assert done.status == "done", f"{done.error}\n{HOW}"
        assert done.result["text"] == kept["result"]["text"]
        called = (await engine.journal.entries(run)).keys() - kept["entries"].keys()
        assert {key.partition(".")[0] for key in called} <= {"version"}, f"{called}: {HOW}"


@pytest.mark.extra
@pytest.mark.parametrize("path", sorted(HERE.glob("temporal_*.json.gz")), ids=lambda path: path.stem)
async def test_a_temporal_history_of_an_earlier_commit_replays(path: Path, wired: Any) -> None:
    from pydantic_ai.durable_exec.temporal import PydanticAIPlugin
    from temporalio.client import WorkflowHistory
    from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

    from workflows.engines.temporal.agents import make_agents
    from workflows.engines.temporal.flows import workflow_of

    async with wired() as app:
        host = await make_agents(app.runtime, TemporalSettings())
        replayer = Replayer(
            workflows=[workflow_of(name, flow, host, refuses=False) for name, flow in FLOWS.items()],
            workflow_runner=UnsandboxedWorkflowRunner(),
            plugins=[PydanticAIPlugin()],
        )
        history = WorkflowHistory.from_json("replayed", gzip.decompress(path.read_bytes()).decode())
        try:  # a history that does not fit can leave the replayer waiting for ever
            async with asyncio.timeout(PATIENCE):
                ended = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        except TimeoutError:
            pytest.fail(f"the replay of {path.name} came to a stand\n{HOW}")
        assert ended.replay_failure is None, f"{ended.replay_failure}\n{HOW}"
