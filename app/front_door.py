"""The product as evals and benchmarks meet it: a question in, an outcome out, through the same turn as a chat."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from app.cli.render import outputs_of
from app.wiring import App, wire
from evals.recording.events import from_events
from evals.suite import Outcome
from lyceum.events import Answered
from lyceum.settings import Settings
from workflows.chat_turn import ChatRequest


class ProductFrontDoor:
    """Asks every question in a thread of its own; `model` names who answers."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.model = app.runtime.models.get().model_name

    async def ask(
        self, question: str, *, attach: Sequence[Path] = (), agent: str | None = None, approve: Sequence[str] = ()
    ) -> Outcome:
        """Return what the turn answered: `output` is the typed output and `citations`, the ids of its sources.

        `trajectory` holds what was done, whether or not it ended well.
        """
        thread = await self._app.store.create_thread(question)
        for path in attach:
            await self._app.attach(thread.id, path)
        run_id = await self._app.engine.submit(
            "chat_turn",
            ChatRequest(question=question, agent=agent, approve=list(approve), remember=False),
            thread=thread.id,
        )
        run = await self._app.engine.drive(run_id)
        trajectory = from_events(await self._app.store.events(run_id))
        tokens = trajectory.totals.tokens or 0
        if run.status != "done":
            error = f"the run ended as {run.status}: {run.error}"
            return Outcome(error=error, tokens=tokens, trajectory=trajectory)
        answer = Answered.model_validate(run.result)
        output: dict[str, Any] = {"citations": [source.id for source in answer.sources]}
        for typed in outputs_of(answer):
            output |= typed
        return Outcome(
            answer=answer.text, output=output, declined=answer.declined, tokens=tokens, trajectory=trajectory
        )


@asynccontextmanager
async def front_door(settings: Settings) -> AsyncGenerator[ProductFrontDoor]:
    """Wire the product on a throw-away home, so that hundreds of questions leave no thread and no database behind."""

    def unheard(_event: BaseModel) -> None: ...

    with passing_home(settings, "models") as passing:
        async with wire(passing, listen=unheard) as app:
            yield ProductFrontDoor(app)


@contextmanager
def passing_home(settings: Settings, *shared: str) -> Generator[Settings]:
    """Give the same settings on a home that ends with the block; `shared` folders of the user's own are linked in."""
    with tempfile.TemporaryDirectory(prefix="lyceum-") as folder:
        for name in shared:
            if (settings.home / name).is_dir():
                (Path(folder) / name).symlink_to(settings.home / name, target_is_directory=True)
        try:
            yield settings.model_copy(update={"home": Path(folder)})
        finally:
            _stop_logging_to(Path(folder))


def _stop_logging_to(folder: Path) -> None:
    """A log outlives the wiring, so that the last error is in it too; it must not outlive its folder."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).is_relative_to(folder):
            root.removeHandler(handler)
            handler.close()
