"""The runs tools: start long work, see what a run is at, answer what it asks, end it, read what came of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.mcpserver.context import Context
from mcp_types import InputRequiredResult
from pydantic import BaseModel, Field

from lyceum.errors import ModelRetry, OperatorError, UserError
from lyceum.events import RunStatus
from lyceum.runs import ENDED, Decision
from lyceum.settings import Settings
from mcp_servers.asking import sure
from mcp_servers.runs.following import Follower
from mcp_servers.runs.views import (
    Happened,
    RunCard,
    RunView,
    Waiting,
    card,
    happened,
    question_of,
    report,
    shortened,
    view,
)
from mcp_servers.selecting import Records
from mcp_servers.server import ToolServer
from mcp_servers.services import Services

if TYPE_CHECKING:
    from lyceum.runs import Jobs, RunStore

TEMPLATE = "runs://{run}"
COLLECTION = r"^([a-z0-9][a-z0-9_-]{0,63})?$"
STEER = "steer"  # the channel on which research takes notes

Id = Annotated[str, Field(description="The run's id, as what started it or runs_list gives it.", max_length=64)]


class Started(BaseModel):
    run: str = Field(description="Its id, for the other runs tools.")
    next: str


class Listed(BaseModel):
    runs: list[RunCard] = Field(description="The newest first.")


class Events(BaseModel):
    """What happened after the given number, in order."""

    status: RunStatus
    events: list[Happened]
    waiting: list[Waiting]


class Steered(BaseModel):
    run: str
    status: RunStatus


def create_server(settings: Settings, services: Services) -> ToolServer:
    del settings
    server = ToolServer("runs", instructions="Long research: start it, show the user its plan, follow it, read it.")
    follower = Follower()

    @server.expose(title="Start research", effect="write", open_world=True, task="run")
    async def runs_research(
        context: Context[Any, Any],
        question: Annotated[str, Field(description="What to find out.", min_length=3, max_length=20_000)],
        sources: Annotated[
            list[Annotated[str, Field(max_length=4096)]],
            Field(description="Where to look: docs:FOLDER, sql:FILE or web.", min_length=1, max_length=20),
        ],
        rounds: Annotated[int, Field(description="How often thin evidence is looked for again.", ge=0, le=3)] = 1,
        plan_only: Annotated[bool, Field(description="Only propose a plan.")] = False,
    ) -> Started:
        """Start a research run over documents, databases or the web. It proposes a plan, waits for the user's approval,
        then searches, checks and writes a report with citations. Returns at once; the run goes on by itself.
        """
        from mcp_servers.runs.sources import place_of

        jobs, store = _jobs(services), _store(services)
        places = [place_of(source) for source in sources]
        thread = await store.create_thread(question.strip().splitlines()[0])
        given = {"question": question, "places": places, "rounds": rounds, "plan_only": plan_only}
        run = await jobs.submit("deep_research", given, thread=thread.id)
        follower.follow(store, run, context)
        return Started(run=run, next=f"runs_events with run {run} and wait 30 follows it; its plan needs approval.")

    @server.expose(title="Start taking documents in", effect="write", task="run")
    async def runs_ingest(
        context: Context[Any, Any],
        path: Annotated[str, Field(description="A file or folder, absolute.", min_length=1, max_length=4096)],
        collection: Annotated[
            str, Field(description="Where it goes; empty for a name made from the path.", pattern=COLLECTION)
        ] = "",
    ) -> Started:
        """Start a run that takes a folder of documents, however many, into a collection for search. Returns at once;
        the run goes on by itself, batch by batch, also after it was interrupted. For a few files: retrieval_ingest.
        """
        from mcp_servers.runs.sources import existing, name_of

        jobs, store = _jobs(services), _store(services)
        root = existing(path, "the path of one")
        thread = await store.create_thread(f"documents of {root.name}")
        given = {"path": str(root), "collection": collection or name_of(root)}
        run = await jobs.submit("ingest", given, thread=thread.id)
        follower.follow(store, run, context)
        return Started(
            run=run, next=f"runs_events with run {run} and wait 30 follows it into collection {given['collection']}."
        )

    @server.expose(title="List runs", effect="read", records=Records("runs"))
    async def runs_list(
        status: Annotated[
            Literal["", "queued", "running", "waiting", "done", "failed", "cancelled", "limit"],
            Field(description="Only runs in this state; empty for all."),
        ] = "",
        limit: Annotated[int, Field(description="How many.", ge=1, le=100)] = 20,
    ) -> Listed:
        """List the latest runs of every kind, with what each was asked."""
        runs = await _store(services).runs(status=[status] if status else [], limit=limit)
        return Listed(runs=[card(run) for run in runs])

    @server.expose(title="Show a run", effect="read")
    async def runs_show(run: Id) -> RunView:
        """Show what came out of one run: its state, what it asks the user, its answer or report, and why it failed."""
        store = _store(services)
        return shortened(view(await _run(store, run), await store.events(run), await store.approvals(run=run)))

    @server.expose(title="Follow a run", effect="read", records=Records("events", pages=False))
    async def runs_events(
        context: Context[Any, Any],
        run: Id,
        after: Annotated[int, Field(description="The last number that was seen.", ge=0, le=10_000_000)] = 0,
        wait: Annotated[int, Field(description="Seconds to wait for something new.", ge=0, le=60)] = 0,
    ) -> Events:
        """Say what happened in a run after an event, waiting for news where there are none yet."""
        store = _store(services)
        found = await _run(store, run)
        if services.resume is not None and found.status not in ENDED:
            services.resume(run)
        events = await store.events(run, after=after)
        for second in range(wait):
            if events or found.status in ENDED:
                break
            await context.report_progress(second, wait)
            await asyncio.sleep(1)
            found, events = await store.run(run), await store.events(run, after=after)
        waiting = view(found, [], await store.approvals(run=run)).waiting
        return Events(status=found.status, events=happened(events), waiting=waiting)

    @server.expose(title="Answer what a run asks", effect="destroy")
    async def runs_decide(
        context: Context[Any, Any],
        run: Id,
        approval: Annotated[str, Field(description="Its id, as runs_show gives it.", max_length=64)],
        approved: Annotated[bool, Field(description="What the user decided; ask, do not assume.")],
        reason: Annotated[str, Field(description="Told to the run.", max_length=2000)] = "",
        edited: Annotated[
            dict[str, Any] | None, Field(description="The whole request as the user changed it, e.g. another plan.")
        ] = None,
    ) -> Steered | InputRequiredResult:
        """Approve or refuse what a run waits for, such as its plan, as the user said; the run then goes on. The user is
        asked to confirm an approval, where the client lets tools ask.
        """
        jobs, store = _jobs(services), _store(services)
        await _run(store, run)
        if approved:
            waits = {each.id: each for each in await store.approvals(run=run)}
            agreed = approval not in waits or await sure(context, "approve", question_of(waits[approval], edited))
            if isinstance(agreed, InputRequiredResult):
                return agreed
            if not agreed:
                raise ModelRetry("The user did not agree; nothing was decided.", next_step="Ask what should change.")
        decision = Decision(approved=approved, reason=reason, edited=edited, by="mcp")
        try:
            await jobs.decide(run, approval, decision)
        except UserError as error:
            raise ModelRetry(error.message, next_step=error.next_step) from error
        follower.follow(store, run, context)
        return Steered(run=run, status=(await store.run(run)).status)

    @server.expose(title="Steer a run", effect="write")
    async def runs_send(
        run: Id,
        note: Annotated[
            str,
            Field(description="`drop q2` or `prefer documents`, as the user said.", min_length=1, max_length=10_000),
        ],
    ) -> Steered:
        """Leave a note for a running research: it takes it up at its next step and says what it did about it."""
        jobs, store = _jobs(services), _store(services)
        await _run(store, run)
        try:
            await jobs.send(run, STEER, note)
        except UserError as error:
            raise ModelRetry(error.message, next_step=error.next_step) from error
        return Steered(run=run, status=(await store.run(run)).status)

    @server.expose(title="Cancel a run", effect="destroy")
    async def runs_cancel(run: Id) -> Steered:
        """End a run; what it found so far stays."""
        jobs, store = _jobs(services), _store(services)
        await _run(store, run)
        try:
            await jobs.cancel(run)
        except UserError as error:
            raise ModelRetry(error.message, next_step=error.next_step) from error
        return Steered(run=run, status=(await store.run(run)).status)

    @server.resource(TEMPLATE, name="run", title="A run's report", description="What came of a run, as Markdown.")
    async def read(run: str) -> str:  # pyright: ignore[reportUnusedFunction]
        store = _store(services)
        found = await _run(store, run)
        return report(view(found, await store.events(run), await store.approvals(run=run)))

    @server.complete(TEMPLATE, "run")
    async def known(typed: str) -> list[str]:  # pyright: ignore[reportUnusedFunction]
        return [run.id for run in await _store(services).runs(limit=100) if run.id.startswith(typed)]

    return server


def _store(services: Services) -> RunStore:
    if services.store is None:
        raise OperatorError("This process keeps no runs.", next_step="Serve the tools with `lyceum mcp serve`.")
    return services.store


def _jobs(services: Services) -> Jobs:
    if services.jobs is None:
        raise OperatorError("This process starts no runs.", next_step="Serve the tools with `lyceum mcp serve`.")
    return services.jobs


async def _run(store: RunStore, run: str):
    try:
        return await store.run(run)
    except UserError as error:
        raise ModelRetry(error.message, next_step="runs_list names those that exist.") from error
