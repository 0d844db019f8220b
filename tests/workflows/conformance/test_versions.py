"""A worker is upgraded in mid-run: with worker versioning, a run stays with the build it began on."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.conformance.harness import TemporalRuns, server_cache
from tests.workflows.conformance.processes import kill, spawn, work

pytestmark = pytest.mark.service


def make_current(port: int, deployment: str, build: str) -> None:
    from app.services.temporal import find

    command = [str(find(server_cache())), "worker", "deployment", "set-current-version", "--yes"]
    command += ["--address", f"127.0.0.1:{port}", "--deployment-name", deployment, "--build-id", build]
    for _ in range(60):  # the server has to have heard of the build
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return
        time.sleep(0.5)
    raise AssertionError(done.stderr)


@pytest.mark.timeout(200)
async def test_a_run_stays_with_its_build_and_a_new_one_takes_the_new(temporal_server: Any, tmp_path: Path) -> None:
    _, port = temporal_server
    runs = TemporalRuns(tmp_path, f"127.0.0.1:{port}", deployment=f"d{os.getpid()}", build="one")
    os.environ["CONFORMANCE"] = str(tmp_path)
    runs.plan("hold", "a")
    old = spawn(work, str(tmp_path), runs.settings)
    make_current(port, runs.settings["deployment"], "one")
    first = await runs.submit("line", names=["a", "b"])
    await runs.reach("a")
    new = spawn(work, str(tmp_path), {**runs.settings, "build": "two"})
    make_current(port, runs.settings["deployment"], "two")
    second = await runs.submit("line", names=["c"])
    assert (await runs.engine.drive(second)).result == {"said": ["C"]}
    runs.release("a")
    assert (await runs.engine.drive(first)).result == {"said": ["A", "B"]}
    lines = [line.split() for line in (tmp_path / "effects").read_text().splitlines()]
    assert {name: int(pid) for name, _, pid in lines} == {"a": old.pid, "b": old.pid, "c": new.pid}
    kill(old)
    kill(new)
    runs.close()
