"""The product's own turn on a real Temporal server, through the command line, while its worker is killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.service
QUESTION = "How many tracks are there, and which genre has the most tracks?"


@pytest.mark.timeout(300)
def test_a_turn_on_temporal_survives_its_worker_and_repeats_no_call(temporal_server: Any, tmp_path: Path) -> None:
    _, port = temporal_server
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LYCEUM_")},
        "LYCEUM_HOME": str(tmp_path / "home"),
        "LYCEUM_OFFLINE": "true",
        "LYCEUM_ENGINE": "temporal",
        "LYCEUM_TEMPORAL__ADDRESS": f"127.0.0.1:{port}",
        "LYCEUM_TEMPORAL__TASK_QUEUE": "chat",
        "LYCEUM_TEMPORAL__HEARTBEAT": "2",
    }

    def lyceum(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(Path(sys.executable).parent / "lyceum"), *words],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    chat = lyceum("chat", "--json", QUESTION)
    for wait in (random.Random(5).uniform(6, 9), 7.0):
        worker = lyceum("worker")
        time.sleep(wait)
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
    worker = lyceum("worker")
    said, _ = chat.communicate(timeout=200)
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=60)
    assert chat.returncode == 0
    events = [json.loads(line) for line in said.splitlines()]
    answer = next(event for event in events if event["kind"] == "answered")
    assert "3503" in answer["text"].replace(",", "")
    assert "Rock" in answer["text"]
    called = [event["call"] for event in events if event["kind"] == "tool_called"]
    returned = [event["call"] for event in events if event["kind"] == "tool_returned"]
    assert called
    assert sorted(called) == sorted(set(called)) == sorted(returned)
    assert events[-1]["status"] == "done"


@pytest.mark.timeout(200)
async def test_spans_of_client_workflow_and_steps_are_one_trace(
    temporal_server: Any, tmp_path: Path, wired: Any
) -> None:
    from app.wiring import FLOWS
    from lyceum.settings import TelemetrySettings, TemporalSettings
    from workflows.engines.temporal.worker import make_worker

    settings = TemporalSettings(address=f"127.0.0.1:{temporal_server[1]}", task_queue="spans")
    spans = tmp_path / "spans.jsonl"
    telemetry = TelemetrySettings(exporter="file", file=spans)
    async with wired(engine="temporal", temporal=settings, telemetry=telemetry) as app:
        client = await app.engine.client()
        async with await make_worker(client, app.runtime, FLOWS, settings):
            run = await app.engine.drive(
                await app.engine.submit("chat_turn", {"question": "How many genres are there?"})
            )
            assert "25" in run.result["text"]
            told = await app.engine.events(run.id, after=1)  # by the workflow itself
    assert [event["seq"] for event in told] == list(range(2, len(told) + 2))
    assert told[-1]["kind"] == "run_finished"
    recorded = [json.loads(line) for line in spans.read_text().splitlines()]
    [started] = [span for span in recorded if span["name"] == "StartUpdateWithStartWorkflow:lyceum.conversation"]
    trace = started["context"]["trace_id"]
    names = {span["name"] for span in recorded if span["context"]["trace_id"] == trace}
    assert "RunWorkflow:chat_turn" in names
    assert "RunActivity:workflows.steps.chat_turn:open_turn" in names
    assert any(name.startswith("RunActivity:agent__sql.default__model_request") for name in names)


@pytest.mark.timeout(300)
async def test_turns_of_one_thread_are_carried_out_one_after_the_other_in_the_order_given(
    temporal_server: Any, wired: Any
) -> None:
    from app.wiring import FLOWS
    from lyceum.events import Answered
    from lyceum.settings import TemporalSettings
    from workflows.engines.temporal.worker import make_worker

    settings = TemporalSettings(address=f"127.0.0.1:{temporal_server[1]}", task_queue="conversation")
    questions = ["How many tracks are there?", "How many genres are there?", "How many artists are there?"]
    async with wired(engine="temporal", temporal=settings) as app:
        threads = [(await app.store.create_thread(name)).id for name in ("one", "another")]
        runs = [  # no worker is there yet: they are left for later
            await app.engine.submit("chat_turn", {"question": question, "remember": False}, thread=threads[0])
            for question in questions
        ]
        other = await app.engine.submit("chat_turn", {"question": questions[0], "remember": False}, thread=threads[1])
        await app.engine.cancel(runs[1])  # it had not begun
        client = await app.engine.client()
        async with await make_worker(client, app.runtime, FLOWS, settings):
            for run in (runs[0], runs[2], other):
                await app.engine._start(await app.store.run(run))  # given once more, it is the same turn
            ended = [await app.engine.drive(run) for run in (runs[0], runs[2], other)]
            late = await app.engine.submit(
                "chat_turn", {"question": questions[1], "remember": False}, thread=threads[0]
            )
            assert "25" in (await app.engine.drive(late)).result["text"]
        assert [run.status for run in ended] == ["done"] * 3
        assert [text in run.result["text"] for run, text in zip(ended, ("3503", "275", "3503"), strict=True)] == [
            True
        ] * 3
        assert (await app.store.run(runs[1])).status == "cancelled"
        first, third = [await app.store.events(run) for run in (runs[0], runs[2])]
        assert first[-1].at < third[1].at  # only then did the next turn begin
        answers = [
            event for run in (*runs, late) for event in await app.store.events(run) if isinstance(event, Answered)
        ]
        assert len(answers) == 3
