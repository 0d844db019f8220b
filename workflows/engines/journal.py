"""The embedded engine: flows run in this process, and every finished unit of work is journaled in SQLite.

Strict resume: a unit's key is its place in the flow (`scope/number:name`, a scope a gather branch). On resume a
finished unit returns what it returned, or fails as it failed; one that stands elsewhere or has other arguments is
refused, because the flow took another path. A unit that was in flight when the process died is run again under the
same key: at least once, and only that one.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any, get_type_hints

from opentelemetry.trace import StatusCode
from pydantic import BaseModel, TypeAdapter

from lyceum.errors import (
    Cancelled,
    LeaseLost,
    LimitReached,
    LyceumError,
    OperatorError,
    StoreFailed,
    UserError,
    nearest,
)
from lyceum.events import Event, RunFinished, RunStarted
from lyceum.runs import ENDED, Decision, Lease, Run
from models.budgets import Ledger
from workflows.context import Flow, seconds_for
from workflows.engines.budget import run_seconds
from workflows.engines.forking import comes_before, is_version, places, resolved
from workflows.engines.journal_context import Drive, JournalContext, Suspended
from workflows.engines.journal_store import JournalStore
from workflows.engines.replay import PathChanged, Replay, after_failure
from workflows.runtime import Runtime

LEASE_SECONDS = 20.0
HEARTBEAT_SECONDS = 1.0
DEATHS = 5  # a run whose process died so often in a row, without finishing a step, is not tried again
LONGEST_NOTE = 10_000


class JournalEngine:
    """Starts, drives, follows and cancels runs in this process; also the product's `Jobs`."""

    name = "journal"

    def __init__(self, runtime: Runtime, journal: JournalStore, flows: Mapping[str, Flow]) -> None:
        self.runtime = runtime
        self.journal = journal
        self._flows = flows
        self.ledgers: dict[str, Ledger] = {}  # what each run that is driven here has used
        self._owner = f"{socket.gethostname()}:{os.getpid()}"

    async def submit(
        self,
        flow: str,
        input: BaseModel | Mapping[str, Any],  # noqa: A002
        *,
        thread: str | None = None,
        parent: str | None = None,
        run_id: str | None = None,
    ) -> str:
        """Return the id of a queued run; a second time with the same `run_id` it is the same run."""
        if flow not in self._flows:
            raise UserError(f"There is no flow {flow!r}.", next_step=nearest(flow, self._flows, what="flows"))
        thread = thread or (await self.runtime.store.create_thread(flow)).id
        value = input.model_dump(mode="json") if isinstance(input, BaseModel) else dict(input)
        run = await self.runtime.store.create_run(thread, flow, value, parent=parent, run=run_id)
        await self.record(run.id, RunStarted(flow=flow, thread=thread, input=value), once="started")
        return run.id

    async def drive(self, run_id: str) -> Run:
        """Run until the flow ends or waits for a person; a failure is told by the run's status, not raised.

        Raises UserError while another process drives the run, StoreFailed where nothing can be written any more and
        LeaseLost where another process took the run over: the run itself goes on later, or there.
        """
        run = await self.try_drive(run_id)
        if run is None:
            raise UserError(
                f"Run {run_id} is being driven by another process.",
                next_step=f"Follow it with `lyceum runs watch {run_id}`.",
            )
        return run

    async def try_drive(self, run_id: str) -> Run | None:
        """Drive a run, or return None where another process does."""
        store = self.runtime.store
        run = await store.run(run_id)
        if run.status in ENDED:
            return run
        if run.engine != self.name:
            raise UserError(
                f"Run {run_id} runs on {run.engine}.", next_step=f"Start `lyceum worker --engine {run.engine}`."
            )
        lease = await store.acquire(run_id, f"{self._owner}:{uuid.uuid4().hex[:8]}", seconds=LEASE_SECONDS)
        if lease is None:
            return None
        drive = await self._drive_of(run, lease)
        await store.set_status(run_id, "running", fence=lease.fence)
        heart = asyncio.ensure_future(self._keep(drive))
        try:
            await self._traced(drive)
            await self.journal.end(lease, drive.wake)
        finally:
            heart.cancel()
            self.ledgers.pop(run_id, None)
            await store.release(lease)
        return await store.run(run_id)

    async def _drive_of(self, run: Run, lease: Lease) -> Drive:
        asked = await self.runtime.store.approvals(run=run.id, pending=False)
        replay = Replay(run.id, self.journal, await self.journal.entries(run.id), [each.key for each in asked])
        origins = await self.journal.origins(run.id)
        finish = await self._finish(run.id)
        approved = any(each.decision is not None and each.decision.approved for each in asked)
        beats = await self.journal.beats(run.id)
        return Drive(run, lease, replay, beats, origins=origins, finish=finish, approved=approved)

    async def _finish(self, run: str) -> str:
        """Return the key of a run's next end: it has one for each time that it was tried."""
        ends = sum(isinstance(event, RunFinished) for event in await self.runtime.store.events(run))
        return f"finished.{ends}" if ends else "finished"

    async def _traced(self, drive: Drive) -> None:
        run = drive.run
        known = {"lyceum.run": run.id, "lyceum.thread": run.thread}
        with self.runtime.tracer.start_as_current_span(f"run {run.flow}", attributes=known) as span:
            await self._end(drive)
            status = (await self.runtime.store.run(run.id)).status
            span.set_attribute("lyceum.status", status)
            if status == "failed":
                span.set_status(StatusCode.ERROR)

    async def _end(self, drive: Drive) -> None:
        run, fence = drive.run, drive.lease.fence
        store = self.runtime.store
        try:
            result = await self._flow(drive)
        except Suspended:
            await store.set_status(run.id, "waiting", fence=fence)
            return
        except asyncio.CancelledError:
            await self._ended(drive, RunFinished(status="cancelled"))
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
        except (StoreFailed, LeaseLost):
            raise
        except PathChanged as changed:
            await self._fail(drive, changed.error)
        except TimeoutError as error:
            await self._fail(drive, _late(drive.seconds) if error.args == ("late",) else _friendly(error))
        except Exception as error:  # noqa: BLE001 - the last place that can turn a crash into a readable end
            await self._fail(drive, _friendly(error))
        else:
            value = result.model_dump(mode="json") if isinstance(result, BaseModel) else result
            await self._ended(drive, RunFinished(status="done"), result=value)

    async def _flow(self, drive: Drive) -> Any:
        deaths = await self.journal.begin(drive.lease, len(drive.replay))
        if deaths >= DEATHS:
            raise OperatorError(
                f"The process died {deaths} times in a row in this run's next step.",
                next_step=f"See logs/lyceum.log, correct the step, then `lyceum runs resume {drive.run.id}`.",
            )
        flow = self._flows.get(drive.run.flow)
        if flow is None:
            raise UserError(f"This release has no flow {drive.run.flow!r}.", next_step="Finish it with the older one.")
        request = TypeAdapter(get_type_hints(flow).get("request", dict)).validate_python(drive.run.input)
        ctx = JournalContext(self, drive)
        seconds = seconds_for(flow, self.runtime.budget.seconds)
        if drive.approved:  # its own clock begins when a person has said yes
            seconds = min(seconds, run_seconds(drive.run.input) or seconds)
        drive.seconds = seconds
        result = await drive.shields.run(flow(ctx, request), seconds)
        ctx.finish()
        return result

    async def _fail(self, drive: Drive, error: LyceumError) -> None:
        status = (
            "limit" if isinstance(error, LimitReached) else "cancelled" if isinstance(error, Cancelled) else "failed"
        )
        ended = RunFinished(status=status, error=error.message, next_step=error.next_step)
        await self._ended(drive, ended, error=str(error))

    async def _ended(self, drive: Drive, event: RunFinished, *, result: Any = None, error: str = "") -> None:
        """Write down an end, the event first: whoever sees that the run has ended finds its last event there."""
        run, fence = drive.run.id, drive.lease.fence
        await self.record(run, event, once=drive.finish, fence=fence)
        await self.runtime.store.set_status(run, event.status, result=result, error=error, fence=fence)

    async def _keep(self, drive: Drive) -> None:
        """Renew the lease while the run goes on; stop the flow when the lease is lost or the run was cancelled."""
        store, lease = self.runtime.store, drive.lease
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            held = True
            try:
                if time.monotonic() - renewed > LEASE_SECONDS / 3:
                    held, renewed = await store.renew(lease, seconds=LEASE_SECONDS), time.monotonic()
                if not held or (await store.run(lease.run)).status == "cancelled":
                    drive.shields.cancel()
                    return
            except StoreFailed:
                continue  # the next write of the flow meets it too, and says so

    async def cancel(self, run_id: str) -> None:
        """End a run and its children as cancelled; a process that drives one sees it at its next heartbeat."""
        run = await self.runtime.store.run(run_id)
        if run.status in ENDED:
            raise UserError(f"Run {run_id} has already ended ({run.status}).", next_step="See `lyceum runs show`.")
        await self.runtime.store.set_status(run_id, "cancelled")
        await self.record(run_id, RunFinished(status="cancelled"), once=await self._finish(run_id))
        open_ = await self.runtime.store.runs(status=["queued", "running", "waiting"], limit=10_000)
        for child in open_:
            if child.parent == run_id:
                await self.cancel(child.id)

    async def retry(self, run_id: str) -> Run:
        """Drive a run that failed or was stopped once more: what finished stays, what failed is tried again."""
        run = await self.runtime.store.run(run_id)
        if run.status == "done":
            raise UserError(f"Run {run_id} is done.", next_step=f"See `lyceum runs show {run_id}`.")
        entries = await self.journal.entries(run_id)
        await self.journal.forget(run_id, after_failure(entries))
        await self.runtime.store.set_status(run_id, "queued")
        return await self.drive(run_id)

    async def steps(self, run_id: str) -> list[str]:
        """Return the places of a run that a fork can begin at, in the flow's order."""
        asked = [approval.key for approval in await self.runtime.store.approvals(run=run_id, pending=False)]
        return places([*await self.journal.entries(run_id), *asked])

    async def fork(self, run_id: str, step: str) -> str:
        """Return the id of a queued run that keeps what a run finished before a step, and does the rest anew.

        Raises UserError where the run has no such step.
        """
        run = await self.runtime.store.run(run_id)
        place = resolved(step, await self.steps(run_id))
        entries = await self.journal.entries(run_id)
        kept = {key for key in await self.journal.keys(run_id) if comes_before(key, place)}
        begun = min((entry.at for key, entry in entries.items() if key not in kept and not is_version(key)), default=0)
        # A choice of `version` has no number: what was chosen before the step's time stays chosen.
        kept |= {key for key, entry in entries.items() if is_version(key) and entry.at <= begun}
        started = await self.journal.fork(run, uuid.uuid4().hex[:12], place, sorted(kept))
        self.runtime.listen(started)
        return started.run

    async def decide(self, run: str, approval: str, decision: Decision) -> None:
        if (await self.runtime.store.run(run)).status in ENDED:
            raise UserError(f"Run {run} has ended: nothing waits any more.", next_step=f"See `lyceum runs show {run}`.")
        await self.runtime.store.decide(run, approval, decision)

    async def send(self, run_id: str, channel: str, text: str) -> None:
        """Send a note to a run, which takes it up at its next `received`."""
        run = await self.runtime.store.run(run_id)
        if run.status in ENDED:
            raise UserError(f"Run {run_id} has already ended ({run.status}).", next_step="See `lyceum runs show`.")
        if not text.strip() or len(text) > LONGEST_NOTE:
            raise UserError(f"A note has 1 to {LONGEST_NOTE:,} characters.", next_step="Send another one.")
        await self.journal.send(run_id, channel, text)

    async def watch(self, run: str, *, after: int = 0) -> AsyncIterator[Event]:
        while True:
            status = (await self.runtime.store.run(run)).status
            for event in await self.runtime.store.events(run, after=after):
                after = event.seq
                yield event
            if status in ENDED or status == "waiting":
                return
            await asyncio.sleep(0.1)

    async def record(self, run_id: str, event: BaseModel, *, once: str | None = None, fence: int | None = None) -> bool:
        """Keep an event and let this process's listener see it, once; False where it was kept before."""
        kept = await self.runtime.store.append(run_id, event, once=once, fence=fence)
        new = getattr(kept, "at", None) == getattr(event, "at", None)
        if new:
            self.runtime.listen(kept)
        return new


def _late(seconds: float) -> LimitReached:
    return LimitReached(f"The run took longer than {seconds:g} s.", next_step="Raise budget.seconds.")


def _friendly(error: Exception) -> LyceumError:
    from models.errors import friendly

    return friendly(error)
