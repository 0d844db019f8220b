"""The product's `Jobs` on Temporal: it starts, follows and steers runs that workers drive."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from pydantic import BaseModel
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from lyceum.errors import OperatorError, Unavailable, UserError, nearest
from lyceum.events import Event, RunFinished, RunStarted
from lyceum.runs import ENDED, Decision, Run
from lyceum.settings import TemporalSettings
from workflows.context import Flow
from workflows.engines.temporal.connection import FLOW, THREAD, connect, register_search_attributes, unreachable
from workflows.engines.temporal.conversation import TURNS, conversation_id, give_turn
from workflows.engines.temporal.wire import FlowInput, ours
from workflows.runtime import Runtime

POLL_SECONDS = 0.1
CHECK_SECONDS = 5.0
OPEN = WorkflowExecutionStatus.RUNNING


class TemporalEngine:
    """Client and workers share the run store and the artifacts; the server is reached when it is first needed."""

    name = "temporal"

    def __init__(self, runtime: Runtime, flows: Mapping[str, Flow], settings: TemporalSettings) -> None:
        self.runtime = runtime
        self._flows = flows
        self.settings = settings
        self._connecting: asyncio.Future[Client] | None = None
        self._attributes = False
        self._started: set[str] = set()

    async def client(self) -> Client:
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(self._connect())
        try:
            return await asyncio.shield(self._connecting)
        except Unavailable:
            self._connecting = None
            raise

    async def _connect(self) -> Client:
        client = await connect(self.settings, self.runtime)
        self._attributes = self.settings.search_attributes and await register_search_attributes(client)
        return client

    async def submit(
        self,
        flow: str,
        input: BaseModel | Mapping[str, Any],  # noqa: A002
        *,
        thread: str | None = None,
        parent: str | None = None,
    ) -> str:
        """Start a run and return its id; it goes on as soon as a worker is there."""
        if flow not in self._flows:
            raise UserError(f"There is no flow {flow!r}.", next_step=nearest(flow, self._flows, what="flows"))
        await self.client()  # a server that is not there is told before anything is stored
        store = self.runtime.store
        thread = thread or (await store.create_thread(flow)).id
        value = input.model_dump(mode="json") if isinstance(input, BaseModel) else dict(input)
        run = await store.create_run(thread, flow, value, parent=parent, engine=self.name)
        kept = await store.append(run.id, RunStarted(flow=flow, thread=thread, input=value), once="started")
        self.runtime.listen(kept)
        await self._start(run)
        return run.id

    async def _start(self, run: Run) -> None:
        """Start the workflow of a run; it is one workflow however often this is tried."""
        if run.id in self._started:
            return
        client = await self.client()
        pairs = [SearchAttributePair(FLOW, run.flow), SearchAttributePair(THREAD, run.thread)]
        known = TypedSearchAttributes(pairs) if self._attributes else None
        given = FlowInput(run=run.id, thread=run.thread, flow=run.flow, input=run.input)
        try:
            if run.flow in TURNS:
                await give_turn(client, given, self.settings.task_queue, known)
            else:
                await client.start_workflow(
                    run.flow,
                    given,
                    id=run.id,
                    task_queue=self.settings.task_queue,
                    search_attributes=known,
                    static_summary=f"Lyceum {run.flow}",
                )
        except WorkflowAlreadyStartedError:
            pass
        except RPCError as error:
            raise unreachable(self.settings, error) from None
        self._started.add(run.id)

    async def drive(self, run_id: str) -> Run:
        """Follow a run until it ends or waits for a person, telling this process's listener what happens."""
        store = self.runtime.store
        run = await store.run(run_id)
        if run.engine != self.name:
            raise UserError(f"Run {run_id} runs on {run.engine}.", next_step="Set engine to it, and drive it there.")
        if run.status == "queued":
            await self._start(run)
        seen = max((event.seq for event in await store.events(run_id)), default=0) if run.status != "queued" else 1
        checked = asyncio.get_running_loop().time()
        try:
            while run.status not in ENDED and not await self._waits(run):
                await asyncio.sleep(POLL_SECONDS)
                run = await store.run(run_id)
                seen = await self._tell(run_id, seen)
                if asyncio.get_running_loop().time() - checked > CHECK_SECONDS:
                    await self._check(run)
                    checked = asyncio.get_running_loop().time()
        except asyncio.CancelledError:
            await asyncio.shield(self._cancelled(run_id))
            raise
        await self._tell(run_id, seen)
        return await store.run(run_id)

    async def try_drive(self, run_id: str) -> Run:
        return await self.drive(run_id)

    async def _waits(self, run: Run) -> bool:
        return run.status == "waiting" and bool(await self.runtime.store.approvals(run=run.id))

    async def _tell(self, run_id: str, seen: int) -> int:
        for event in await self.runtime.store.events(run_id, after=seen):
            seen = event.seq
            self.runtime.listen(event)
        return seen

    async def _cancelled(self, run_id: str) -> None:
        """Cancel a run whose follower was stopped, and wait until its clean-up is done."""
        await (await self._handle(run_id)).cancel()
        for _ in range(100):
            if (await self.runtime.store.run(run_id)).status in ENDED:
                return
            await asyncio.sleep(POLL_SECONDS)

    async def _check(self, run: Run) -> None:
        """Write down an end that the workflow itself could not: it was terminated, or no longer fits its code."""
        handle = await self._handle(run.id)
        try:
            described = await handle.describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                return
            self._started.discard(run.id)
            await self._start(run)
            return
        if described.status in (OPEN, WorkflowExecutionStatus.CONTINUED_AS_NEW, None):
            return
        await asyncio.sleep(POLL_SECONDS)
        if (await self.runtime.store.run(run.id)).status in ENDED:
            return
        await self._failed(run.id, await _reason(handle))

    async def _failed(self, run_id: str, error: OperatorError | UserError) -> None:
        await self.runtime.store.set_status(run_id, "failed", error=str(error))
        ended = RunFinished(status="failed", error=error.message, next_step=error.next_step)
        await self.runtime.store.append(run_id, ended, once="finished")

    async def _handle(self, run_id: str) -> WorkflowHandle[Any, Any]:
        return (await self.client()).get_workflow_handle(run_id)

    async def decide(self, run: str, approval: str, decision: Decision) -> None:
        """Answer an approval; raises UserError where the run refuses it, with its reason."""
        store = self.runtime.store
        for _ in range(100):
            try:
                await self._update(run, "decide", [approval, decision.model_dump(mode="json")])
                break
            except UserError as error:
                asked = any(each.id == approval for each in await store.approvals(run=run))
                if not asked or "asks for no approval" not in error.message:
                    raise
            await asyncio.sleep(POLL_SECONDS)  # written down already, but the workflow has yet to see that it was
        for _ in range(100):  # the workflow writes it down: whoever asks the store next finds it there
            if all(each.id != approval for each in await store.approvals(run=run)):
                return
            await asyncio.sleep(POLL_SECONDS)

    async def send(self, run_id: str, channel: str, text: str) -> None:
        """Send a note to a run, which takes it up at its next `received`."""
        await self._update(run_id, "send", [channel, text])

    async def _update(self, run_id: str, name: str, args: list[Any]) -> None:
        run = await self.runtime.store.run(run_id)
        if run.status in ENDED:
            raise UserError(f"Run {run_id} has already ended ({run.status}).", next_step="See `lyceum runs show`.")
        handle: Any = await self._handle(run_id)
        try:
            await handle.execute_update(name, args=args)
        except WorkflowUpdateFailedError as error:
            raise (ours(error.cause) or OperatorError("The run refused it.", next_step="See its events.")) from None
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise UserError(f"Run {run_id} does not run.", next_step=f"See `lyceum runs show {run_id}`.") from None
            raise unreachable(self.settings, error) from None

    async def cancel(self, run_id: str) -> None:
        """Ask a run to end as cancelled; its clean-up is finished first."""
        run = await self.runtime.store.run(run_id)
        if run.status in ENDED:
            raise UserError(f"Run {run_id} has already ended ({run.status}).", next_step="See `lyceum runs show`.")
        try:
            await (await self._handle(run_id)).cancel()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise unreachable(self.settings, error) from None
            if run.flow in TURNS:
                await self._drop(run)
            await self.runtime.store.set_status(run_id, "cancelled")
            await self.runtime.store.append(run_id, RunFinished(status="cancelled"), once="finished")

    async def _drop(self, run: Run) -> None:
        """Take a turn back that its conversation has not begun."""
        with suppress(RPCError):
            await (await self._handle(conversation_id(run.thread))).signal("drop", run.id)

    async def retry(self, run_id: str) -> Run:
        raise UserError(
            "A run that ended on Temporal is not tried again.", next_step=f"Start it anew: `lyceum runs fork {run_id}`."
        )

    async def steps(self, run_id: str) -> list[str]:
        raise self._whole(run_id)

    async def fork(self, run_id: str, step: str) -> str:
        raise self._whole(run_id)

    def _whole(self, run_id: str) -> UserError:
        return UserError(
            f"Run {run_id} runs on Temporal, whose history belongs to one run: no other can begin in the middle of it.",
            next_step=f"Begin it anew with `lyceum runs fork {run_id}`; on the journal a fork can keep steps.",
        )

    async def events(self, run_id: str, *, after: int = 0) -> list[dict[str, Any]]:
        """Ask the workflow itself for its events after a number, without the run store."""
        return await (await self._handle(run_id)).query("events", after, result_type=list[dict[str, Any]])

    async def watch(self, run: str, *, after: int = 0) -> AsyncIterator[Event]:
        while True:
            status = (await self.runtime.store.run(run)).status
            for event in await self.runtime.store.events(run, after=after):
                after = event.seq
                yield event
            if status in ENDED or status == "waiting":
                return
            await asyncio.sleep(POLL_SECONDS)


async def _reason(handle: WorkflowHandle[Any, Any]) -> OperatorError | UserError:
    try:
        await handle.result()
    except WorkflowFailureError as error:
        cause = error.cause
        if "Nondeterminism error" in str(cause):
            return UserError(
                f"Run {handle.id} cannot be resumed: {_difference(str(cause))}, so its code or input changed since.",
                next_step=f"Start it anew with `lyceum runs fork {handle.id}`, or guard the change with ctx.version.",
            )
        known = ours(cause)
        if isinstance(known, (OperatorError, UserError)):
            return known
    return OperatorError(f"Temporal ended run {handle.id} from outside.", next_step="See its history in Temporal's UI.")


def _difference(said: str) -> str:
    """Return which step stands where another was recorded, from the ids that Temporal compared."""
    named = re.findall(r"'([^'#]+)#[^']*'", said)
    if len(named) == 2 and named[0] != named[1]:
        return f"it recorded {named[0]} where its code now has {named[1]}"
    return f"step {named[0]} was recorded with other arguments" if named else "its code took another path"
