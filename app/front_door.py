"""The product as evals and benchmarks meet it: a question in, an outcome out, through the same turn as a chat."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_ai.tools import ToolDefinition

from agents.role import Role
from app.briefing import briefing
from app.choosing import choose, own_tools
from app.cli.render import outputs_of
from app.wiring import App, collection_name, wire
from evals.recording.events import from_events
from evals.suite import Outcome
from lyceum.events import Answered
from lyceum.runs import Decision, Run
from lyceum.settings import Settings
from workflows.chat_turn import ChatRequest
from workflows.deep_research import ResearchRequest
from workflows.plan_execute_review import TeamRequest


class ProductFrontDoor:
    """Asks every question in a thread of its own; `model` names who answers."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.model = app.runtime.models.get().model_name
        self._tools: list[ToolDefinition] | None = None

    async def ask(
        self, question: str, *, attach: Sequence[Path] = (), agent: str | None = None, approve: Sequence[str] = ()
    ) -> Outcome:
        """Return what the turn answered: `output` is the typed output and `citations`, the ids of its sources.

        `trajectory` holds what was done, whether or not it ended well.
        """
        return await (await self.talk(attach=attach)).ask(question, agent=agent, approve=approve)

    async def talk(self, *, attach: Sequence[Path] = (), remember: bool = False) -> ProductTalk:
        """Open a conversation; with `remember` its turns are kept in this home's memory, and read from it."""
        thread = await self._app.store.create_thread("evals")
        for path in attach:
            await self._app.attach(thread.id, path)
        return ProductTalk(self._app, thread.id, remember=remember)

    async def research(
        self,
        question: str,
        *,
        sources: Sequence[tuple[str, Path]],
        approve: bool | None = True,
        rounds: int = 1,
        budget: Mapping[str, float] | None = None,
    ) -> Outcome:
        """Research a question in `sources` (kind `docs` or `sql`, and path); `approve` decides on the plan, None leaves
        it waiting. `output` is the report.
        """
        request = ResearchRequest.model_validate(
            {
                "question": question,
                "places": [{"kind": kind, "name": collection_name(path), "uri": str(path)} for kind, path in sources],
                "rounds": rounds,
                "budget": dict(budget or {}),
            }
        )
        run_id = await self._app.engine.submit("deep_research", request)
        run = await self._decided(run_id, None if approve is None else Decision(approved=approve))
        return await _outcome(self._app, run, fine=("done", "limit", "waiting"))

    async def team(self, task: str, *, approve: bool | None = True, reason: str = "") -> Outcome:
        """Give the whole team a task; `approve` decides on its answer, None leaves it waiting. A refusal that has a
        `reason` has the work done again once.
        """
        thread = await self._app.store.create_thread("evals")
        run_id = await self._app.engine.submit("plan_execute_review", TeamRequest(question=task), thread=thread.id)
        run = await self._decided(run_id, None if approve is None else Decision(approved=approve, reason=reason))
        if run.status == "waiting" and reason:
            run = await self._decided(run_id, Decision(approved=True))
        return await _outcome(self._app, run, fine=("done", "waiting"))

    async def _decided(self, run_id: str, decision: Decision | None) -> Run:
        """Drive a run to its end, or to where it waits; a decision is given to what it asks first."""
        run = await self._app.engine.drive(run_id)
        if run.status == "waiting" and decision is not None:
            for approval in await self._app.store.approvals(run=run_id):
                await self._app.engine.decide(run_id, approval.id, decision)
            run = await self._app.engine.drive(run_id)
        return run

    async def call(self, server: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call one tool as an agent would, and return its structured result."""
        return await self._app.runtime.tools.call(server, tool, arguments)

    async def choose(self, request: str, others: Sequence[ToolDefinition]) -> Outcome:
        """Return the one call that the model would make with all our tools and these before it; nothing is called."""
        if self._tools is None:
            self._tools = await own_tools(self._app)
        return await choose(self._app, request, [*self._tools, *others])

    async def briefing(self, agent: str) -> Outcome:
        """Return an agent's instructions and, in `output`, the names of the tools that it is offered."""
        return await briefing(self._app, agent)

    @asynccontextmanager
    async def apart(self) -> AsyncGenerator[ProductFrontDoor]:
        """Give the same product on an empty home of its own: nobody has told it anything."""
        async with front_door(self._app.settings) as door:
            yield door


class ProductTalk:
    """One conversation: each turn knows those before it."""

    def __init__(self, app: App, thread: str, *, remember: bool) -> None:
        self._app = app
        self._thread = thread
        self._remember = remember

    async def ask(
        self, question: str, *, agent: str | None = None, approve: Sequence[str] = (), plan: bool | None = None
    ) -> Outcome:
        """Say something; `plan` true plans first, false never does, None as the words need."""
        request = ChatRequest(question=question, agent=agent, approve=list(approve), remember=self._remember, plan=plan)
        run_id = await self._app.engine.submit("chat_turn", request, thread=self._thread)
        run = await self._app.engine.drive(run_id)
        return await _outcome(self._app, run, fine=("done", "waiting"))


async def _outcome(app: App, run: Run, *, fine: Sequence[str] = ("done",)) -> Outcome:
    events = await app.store.events(run.id)
    trajectory = from_events(events)
    tokens = trajectory.totals.tokens or 0
    if run.status not in fine:
        error = f"the run ended as {run.status}: {run.error}"
        return Outcome(error=error, tokens=tokens, trajectory=trajectory)
    told = [event for event in events if isinstance(event, Answered)]
    if not told:  # it waits for an approval, or was over before anything was said
        return Outcome(output={"status": run.status}, tokens=tokens, trajectory=trajectory)
    answer = told[-1]
    output: dict[str, Any] = {"citations": [source.id for source in answer.sources], "status": run.status}
    for typed in outputs_of(answer):
        output |= typed
    return Outcome(answer=answer.text, output=output, declined=answer.declined, tokens=tokens, trajectory=trajectory)


@asynccontextmanager
async def front_door(settings: Settings, roles: Sequence[Role] = ()) -> AsyncGenerator[ProductFrontDoor]:
    """Wire the product on a throw-away home, so that hundreds of questions leave no thread and no database behind."""

    def unheard(_event: BaseModel) -> None: ...

    with passing_home(settings, "models") as passing:
        async with wire(passing, listen=unheard, roles=roles) as app:
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
