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
