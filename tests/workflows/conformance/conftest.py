"""Each conformance test runs on every engine; the Temporal server is a real one, started once."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.conformance.harness import JournalRuns, Runs, TemporalRuns, server_cache

ROOT = Path(__file__).parents[3]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let forked processes have Temporal imported already, where its tests are among those chosen."""
    if any(item.get_closest_marker("service") and "conformance" in str(item.path) for item in session.items):
        from tests.workflows.conformance.processes import CONTEXT

        modules = ["tests.workflows.conformance.processes", "workflows.engines.temporal.worker"]
        CONTEXT.set_forkserver_preload(["__main__", *modules])


@pytest.fixture(scope="session", autouse=True)
def _forks_find_the_tests() -> None:
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


@pytest.fixture(scope="session")
def temporal_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Any]:
    """A real server with data of its own; without one the tests are skipped, and in CI they fail."""
    from app.services import temporal
    from app.services.server import free_port
    from lyceum.errors import OperatorError

    home = tmp_path_factory.mktemp("temporal")
    try:
        running = temporal.up(home, port=free_port(), cache=server_cache())
    except OperatorError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    yield home, running.port
    temporal.server_of(home).stop()


@pytest.fixture(params=["journal", pytest.param("temporal", marks=pytest.mark.service)])
def runs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Runs]:
    monkeypatch.setenv("CONFORMANCE", str(tmp_path / "runs"))
    if request.param == "journal":
        made: Any = JournalRuns(tmp_path / "runs")
    else:
        _, port = request.getfixturevalue("temporal_server")
        made = TemporalRuns(tmp_path / "runs", f"127.0.0.1:{port}")
    yield made
    made.close()
