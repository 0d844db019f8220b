"""The schedules of the engine that new runs go to, and where a worker leaves a finished report."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from app.wiring import App
from workflows.engines.schedules import JournalSchedules, Schedules
from workflows.steps.research.again import repeated


@asynccontextmanager
async def schedules_of(app: App) -> AsyncGenerator[Schedules]:
    """Give the schedules of the app's engine: the embedded one's in `runs.db`, or those of the Temporal server."""
    if app.engine.name == "temporal":
        from workflows.engines.temporal.client import TemporalEngine
        from workflows.engines.temporal.schedules import TemporalSchedules

        assert isinstance(app.engine, TemporalEngine)
        yield TemporalSchedules(app.engine, app.settings.temporal.task_queue)
        return
    with embedded_schedules(app) as made:
        yield made


def embedded_schedules(app: App) -> JournalSchedules:
    """Return the embedded engine's schedules, which are closed by leaving them as a context."""
    return JournalSchedules(app.journal, app.settings.home / "runs.db", repeated)
