"""Schedules of a Temporal server: it keeps the times, a small workflow begins the run, workers do the rest."""

from __future__ import annotations

import contextlib
import time
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.client import (
    Schedule as ServerSchedule,
)
from temporalio.client import (
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import RetryPolicy as ServerRetries
from temporalio.exceptions import ChildWorkflowError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import ParentClosePolicy

from lyceum.events import RunStarted
from workflows.engines.schedules import Repeat, Schedule, check_interval, no_schedule
from workflows.engines.steps import child_id
from workflows.engines.temporal.client import TemporalEngine
from workflows.engines.temporal.connection import unreachable
from workflows.engines.temporal.wire import FlowInput
from workflows.runtime import Runtime

PREFIX = "lyceum-every-"


class Repetition(BaseModel):
    """One time of a schedule: the run to repeat, and the id of the new one."""

    base: str
    run: str


@workflow.defn(name="lyceum_repeat", sandboxed=False)
class Repeated:
    """Begins one run and waits for it, so that the server does not begin the next one before it has ended."""

    @workflow.run
    async def run(self, base: str) -> str:
        own = child_id(base, workflow.info().workflow_id)
        given: FlowInput | None = await workflow.execute_activity(
            "lyceum.repeat",
            Repetition(base=base, run=own),
            result_type=FlowInput,
            start_to_close_timeout=timedelta(minutes=1),
            retry_policy=ServerRetries(maximum_interval=timedelta(seconds=30)),
        )
        if given is None:
            return ""
        with contextlib.suppress(ChildWorkflowError):  # the run's own record says how it ended
            await workflow.execute_child_workflow(
                given.flow, given, id=own, parent_close_policy=ParentClosePolicy.ABANDON
            )
        return own


class Repetitions:
    """The activity that writes a repeated run down, on workers."""

    def __init__(self, runtime: Runtime, repeat: Repeat) -> None:
        self._runtime = runtime
        self._repeat = repeat

    @activity.defn(name="lyceum.repeat")
    async def begin(self, given: Repetition) -> FlowInput | None:
        """Write the new run down, once; None where there is nothing to repeat."""
        store = self._runtime.store
        base = await store.run(given.base)
        found = await self._repeat(store, base)
        known = [run for run in await store.runs(thread=base.thread, limit=10_000) if run.id == given.run]
        if isinstance(found, str) and not known:
            activity.logger.warning("run %s is not repeated: %s", given.base, found)
            return None
        value = known[0].input if known else found
        run = await store.create_run(base.thread, base.flow, value, parent=base.id, engine="temporal", run=given.run)
        await store.append(run.id, RunStarted(flow=run.flow, thread=run.thread, input=run.input), once="started")
        return FlowInput(run=run.id, thread=run.thread, flow=run.flow, input=run.input)


class TemporalSchedules:
    """The server's own schedules, one a repeated run."""

    def __init__(self, engine: TemporalEngine, task_queue: str) -> None:
        self._engine = engine
        self._queue = task_queue

    async def add(self, run: str, every: float) -> Schedule:
        check_interval(every)
        client = await self._engine.client()
        made = self._made(run, every)
        try:
            await client.create_schedule(PREFIX + run, made)
        except ScheduleAlreadyRunningError:
            handle = client.get_schedule_handle(PREFIX + run)

            def changed(_given: ScheduleUpdateInput) -> ScheduleUpdate:
                return ScheduleUpdate(schedule=made)

            await handle.update(changed)
        return await self._described(client.get_schedule_handle(PREFIX + run))

    def _made(self, run: str, every: float) -> ServerSchedule:
        interval = timedelta(seconds=every)
        return ServerSchedule(
            action=ScheduleActionStartWorkflow("lyceum_repeat", run, id=f"{PREFIX}{run}", task_queue=self._queue),
            spec=ScheduleSpec(
                intervals=[ScheduleIntervalSpec(every=interval, offset=timedelta(seconds=time.time() % every))]
            ),
            # Times that were missed are made up for by one run: the latest.
            policy=SchedulePolicy(
                overlap=ScheduleOverlapPolicy.SKIP, catchup_window=max(interval, timedelta(seconds=10))
            ),
        )

    async def all(self) -> list[Schedule]:
        client = await self._engine.client()
        found = [each.id async for each in await client.list_schedules() if each.id.startswith(PREFIX)]
        return [await self._described(client.get_schedule_handle(each)) for each in found]

    async def pause(self, run: str, *, paused: bool = True) -> None:
        handle = await self._handle(run)
        await (handle.pause() if paused else handle.unpause())

    async def remove(self, run: str) -> None:
        await (await self._handle(run)).delete()

    async def now(self, run: str) -> str:
        await (await self._handle(run)).trigger(overlap=ScheduleOverlapPolicy.SKIP)
        return ""

    async def _handle(self, run: str) -> ScheduleHandle:
        handle = (await self._engine.client()).get_schedule_handle(PREFIX + run)
        await self._described(handle)
        return handle

    async def _described(self, handle: ScheduleHandle) -> Schedule:
        run = handle.id.removeprefix(PREFIX)
        try:
            found = await handle.describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise no_schedule(run) from None
            raise unreachable(self._engine.settings, error) from None
        coming: list[Any] = list(found.info.next_action_times)
        recent = [str(getattr(each.action, "workflow_id", "")) for each in found.info.recent_actions]
        return Schedule(
            run=run,
            every=found.schedule.spec.intervals[0].every.total_seconds(),
            next=coming[0] if coming else None,
            paused=found.schedule.state.paused,
            last=child_id(run, recent[-1]) if recent else "",
        )
