"""What a worker does for workflows: it calls steps, and writes to the run store."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from temporalio import activity
from temporalio.common import RawValue

from lyceum.errors import StoreFailed, UserError
from lyceum.events import EVENT, RunStarted
from lyceum.runs import Approval, Decision
from workflows.engines.steps import Step, call_once
from workflows.engines.temporal.wire import ChildStart, Question, Recorded, Settled, Status, StepCall, failed
from workflows.runtime import Runtime, StepScope


class Activities:
    """`modules` are where steps may live: a worker calls no function outside of them, whoever asks."""

    def __init__(self, runtime: Runtime, modules: Sequence[str], heartbeat: float) -> None:
        self._runtime = runtime
        self._modules = tuple(modules)
        self._heartbeat = heartbeat

    def all(self) -> list[Any]:
        return [self.step, self.record, self.ask, self.settle, self.status, self.child]

    @activity.defn(dynamic=True)
    async def step(self, given: Sequence[RawValue]) -> Any:
        """Call the step that the activity's type names, as `module:function`, a single time."""
        info = activity.info()
        call = activity.payload_converter().from_payload(given[0].payload, StepCall)
        scope = StepScope(f"{info.workflow_id}/{call.key}", attempt=info.attempt)
        scope.last = info.heartbeat_details[0] if info.heartbeat_details else None
        async with self._alive(scope):
            try:
                return await call_once(self._found(info.activity_type), self._runtime, scope, call.arguments)
            except Exception as error:
                raise failed(error) from error

    def _found(self, name: str) -> Step:
        module, _, function = name.partition(":")
        if not any(module == each or module.startswith(f"{each}.") for each in self._modules):
            raise UserError(f"This worker runs no steps of {module}.", next_step="Start one that has them.")
        found = getattr(importlib.import_module(module), function, None)
        if found is None:
            raise UserError(f"{module} has no step {function}.", next_step="Finish the run with the older release.")
        return found

    @asynccontextmanager
    async def _alive(self, scope: StepScope) -> AsyncGenerator[None]:
        """Tell the server that the step goes on, and how far it is."""

        async def tell(progress: Any) -> None:
            scope.last = progress
            activity.heartbeat(progress)

        async def beat() -> None:
            while True:
                await asyncio.sleep(self._heartbeat / 4)
                activity.heartbeat(scope.last)

        scope.tell = tell
        beating = asyncio.create_task(beat())
        try:
            yield
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating

    @activity.defn(name="lyceum.record")
    async def record(self, given: Recorded) -> dict[str, Any]:
        """Keep an event once and return it with its number; listeners of this process hear it."""
        event = EVENT.validate_python(given.event)
        kept = await self._written(self._runtime.store.append(given.run, event, once=given.once))
        if kept.at == event.at:
            self._runtime.listen(kept)
        return kept.model_dump(mode="json")

    @activity.defn(name="lyceum.ask")
    async def ask(self, given: Question) -> Approval:
        store = self._runtime.store
        approval = await self._written(
            store.ask(given.run, given.key, title=given.title, request=given.request, edits=given.edits)
        )
        if approval.decision is None:
            await self._written(store.set_status(given.run, "waiting"))
        return approval

    @activity.defn(name="lyceum.settle")
    async def settle(self, given: Settled) -> None:
        """Write down a decision that the workflow has taken; one that is there already stays."""
        store = self._runtime.store
        with suppress(UserError):
            await self._written(store.decide(given.run, given.approval, Decision.model_validate(given.decision)))
        if not await store.approvals(run=given.run):
            await self._written(store.set_status(given.run, "running"))

    @activity.defn(name="lyceum.status")
    async def status(self, given: Status) -> None:
        store = self._runtime.store
        await self._written(store.set_status(given.run, given.status, result=given.result, error=given.error))

    @activity.defn(name="lyceum.child")
    async def child(self, given: ChildStart) -> None:
        """Write down a child's run; its id is the caller's, so that it is one run however often this is tried."""
        store = self._runtime.store
        await self._written(
            store.create_run(
                given.thread, given.flow, given.input, parent=given.parent, engine="temporal", run=given.run
            )
        )
        started = RunStarted(flow=given.flow, thread=given.thread, input=given.input)
        await self._written(store.append(given.run, started, once="started"))

    async def _written(self, write: Any) -> Any:
        """Await a write; where the store takes none, the server tries again."""
        try:
            return await write
        except StoreFailed as error:
            raise failed(error, retryable=True) from error
        except UserError:
            raise
        except Exception as error:
            raise failed(error) from error
