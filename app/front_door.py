"""The product as evals and benchmarks meet it: a question in, an outcome out, through the same turn as a chat."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from app.cli.render import outputs_of
from app.wiring import App, wire
from evals.suite import Outcome
from lyceum.events import Answered, ModelCalled
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
        """Return what the turn answered: `output` is the typed output and `citations`, the ids of its sources."""
        thread = await self._app.store.create_thread(question)
        for path in attach:
            await self._app.attach(thread.id, path)
        run_id = await self._app.engine.submit(
            "chat_turn", ChatRequest(question=question, agent=agent, approve=list(approve)), thread=thread.id
        )
        run = await self._app.engine.drive(run_id)
        calls = [event for event in await self._app.store.events(run_id) if isinstance(event, ModelCalled)]
        tokens = sum(call.input_tokens + call.output_tokens for call in calls)
        if run.status != "done":
            return Outcome(error=f"the run ended as {run.status}: {run.error}", tokens=tokens)
        answer = Answered.model_validate(run.result)
        output: dict[str, Any] = {"citations": [source.id for source in answer.sources]}
        for typed in outputs_of(answer):
            output |= typed
        return Outcome(answer=answer.text, output=output, declined=answer.declined, tokens=tokens)


@asynccontextmanager
async def front_door(settings: Settings) -> AsyncGenerator[ProductFrontDoor]:
    """Wire the product on a throw-away home, so that hundreds of questions leave no thread and no database behind.

    Models that were pulled are shared with the user's own home.
    """

    def unheard(_event: BaseModel) -> None: ...

    with tempfile.TemporaryDirectory(prefix="lyceum-eval-") as folder:
        models = settings.home / "models"
        if models.is_dir():
            (Path(folder) / "models").symlink_to(models, target_is_directory=True)
        async with wire(settings.model_copy(update={"home": Path(folder)}), listen=unheard) as app:
            yield ProductFrontDoor(app)
