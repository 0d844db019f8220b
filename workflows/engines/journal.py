"""The embedded engine: flows run in this process, and every finished unit of work is journaled in SQLite.

Strict resume: a unit's key is its place in the flow (`scope/number:name`, a scope a gather branch). On resume a
finished unit returns what it returned; one whose arguments differ is refused, because the flow took another path.
A unit that was in flight when the process died is run again under the same key: at least once, and only that one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar, cast, get_type_hints

from opentelemetry.trace import StatusCode
from pydantic import BaseModel, TypeAdapter

from lyceum.errors import Cancelled, LimitReached, LyceumError, UserError, nearest
from lyceum.events import Answered, ApprovalAsked, ApprovalDecided, Event, RunFinished, RunStarted
from lyceum.runs import ENDED, Decision, Lease, Run
from models.budgets import Ledger
from workflows.context import AgentInput, Context, Flow, RetryPolicy
from workflows.engines.journal_store import JournalStore
from workflows.engines.retry import retrying
from workflows.engines.shields import Shields
from workflows.runtime import Runtime

P = ParamSpec("P")
T = TypeVar("T")

LEASE_SECONDS = 20.0
HEARTBEAT_SECONDS = 1.0


class Suspended(BaseException):
    """The run waits for a person; it continues from the journal when the decision is there."""


class JournalContext:
    """A `Context` on the journal; `scope` is the branch it drives ("" for the trunk)."""

    def __init__(self, engine: JournalEngine, run: Run, lease: Lease, shields: Shields, scope: str = "") -> None:
        self.engine = engine
        self._run = run
        self._lease = lease
        self._shields = shields
        self.scope = scope
        self._count = 0

    @property
    def run_id(self) -> str:
        return self._run.id

    @property
    def thread_id(self) -> str:
        return self._run.thread

    def inner(self, scope: str) -> JournalContext:
        """Return a context of the same run for a branch or an agent."""
        return JournalContext(self.engine, self._run, self._lease, self._shields, scope)

    def next_key(self, name: str) -> str:
        self._count += 1
        return f"{self.scope}{self._count}:{name}"

    async def unit(self, key: str, arguments: str, body: Callable[[], Awaitable[Any]]) -> Any:
        """Run `body` once for this key and keep its JSON result; a finished key returns what was kept."""
        journal = self.engine.journal
        entry = await journal.get(self.run_id, key, arguments)
        if entry is not None:
            return entry.result
        result = await body()
        await journal.put(self._lease, key, arguments, result)
        return result

    async def step(self, fn: Callable[Concatenate[Runtime, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        if "<" in fn.__qualname__:
            raise UserError(
                f"{fn.__qualname__} is not a module-level function.", next_step="Move it to a steps module."
            )
        adapter = TypeAdapter(get_type_hints(fn)["return"])

        async def body() -> Any:
            result = await retrying(lambda: fn(self.engine.runtime, *args, **kwargs), RetryPolicy())
            return adapter.dump_python(result, mode="json")

        kept = await self.unit(self.next_key(fn.__name__), fingerprint(args, kwargs), body)
        return cast("T", adapter.validate_python(kept))

    async def agent(self, role: str, input: AgentInput, model_key: str = "default") -> Any:  # noqa: A002
        from workflows.engines.agent_unit import run_agent

        key = self.next_key(f"agent.{role}")
        inner = self.inner(f"{key}/")
        adapter: TypeAdapter[Any] = TypeAdapter(self.engine.runtime.team[role].output)

        async def body() -> Any:
            return adapter.dump_python(await run_agent(inner, role, input, model_key), mode="json")

        kept = await self.unit(key, fingerprint((role, input, model_key), {}), body)
        return adapter.validate_python(kept)

    async def gather(self, *branches: Callable[[Context], Awaitable[T]]) -> list[T]:
        key = self.next_key("gather")
        scopes = [self.inner(f"{key}/{number}/") for number in range(len(branches))]
        # Every branch comes to rest before an error goes up: a finished call is never thrown away with its branch.
        tasks = [asyncio.ensure_future(branch(scope)) for branch, scope in zip(branches, scopes, strict=True)]
        try:
            results = await asyncio.gather(*tasks, return_exceptions=True)
        except asyncio.CancelledError:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        errors = [result for result in results if isinstance(result, BaseException)]
        if errors:
            raise next((error for error in errors if not isinstance(error, Suspended)), errors[0])
        return cast("list[T]", results)

    async def approve(
        self, name: str, *, title: str, request: dict[str, Any], timeout: timedelta | None = None
    ) -> Decision:
        key = self.next_key(f"approve.{name}")
        store = self.engine.runtime.store
        approval = await store.ask(self.run_id, key, title=title, request=request)
        await self._emit_once(ApprovalAsked(approval=approval.id, title=title, request=request), f"{key}.asked")
        decision = approval.decision
        if decision is None and timeout is not None and datetime.now(UTC) > approval.asked + timeout:
            decision = Decision(approved=False, reason="Nobody answered in time.", by="timeout")
            decision = (await store.decide(self.run_id, approval.id, decision)).decision
        if decision is None:
            raise Suspended
        await self._emit_once(
            ApprovalDecided(approval=approval.id, approved=decision.approved, reason=decision.reason, by=decision.by),
            f"{key}.decided",
        )
        return decision

    async def sleep(self, seconds: float) -> None:
        async def fix() -> str:
            return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()

        until = datetime.fromisoformat(await self.unit(self.next_key("sleep"), fingerprint((seconds,), {}), fix))
        await asyncio.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()))

    async def now(self) -> datetime:
        async def read() -> str:
            return datetime.now(UTC).isoformat()

        return datetime.fromisoformat(await self.unit(self.next_key("now"), "", read))

    async def uuid(self) -> str:
        async def draw() -> str:
            return uuid.uuid4().hex

        return await self.unit(self.next_key("uuid"), "", draw)

    async def emit(self, event: BaseModel) -> None:
        await self._emit_once(event, self.next_key(f"emit.{getattr(event, 'kind', 'event')}"))

    async def _emit_once(self, event: BaseModel, key: str) -> None:
        known: dict[str, Any] = {"branch": self.branch}
        if isinstance(event, Answered) and self.run_id in self.engine.ledgers:
            known["models"] = list(self.engine.ledgers[self.run_id].models)
        await self.engine.record(self.run_id, event.model_copy(update=known), once=key)

    @property
    def branch(self) -> str:
        """The gather branches this scope is in, outermost first: "" for the trunk, "0/1" inside the first."""
        return "/".join(part for part in self.scope.split("/") if part.isdigit())

    async def version(self, change: str, current: int) -> int:
        async def choose() -> int:
            return current

        return await self.unit(f"{self.scope}version.{change}", "", choose)

    async def child(self, flow: str, input: BaseModel, *, wait: bool = True) -> Any:  # noqa: A002
        async def submit() -> str:
            return await self.engine.submit(flow, input, thread=self.thread_id, parent=self.run_id)

        run = await self.unit(self.next_key(f"child.{flow}"), fingerprint((flow, input), {}), submit)
        if not wait:
            return run
        finished = await self.engine.drive(run)
        if finished.status == "waiting":
            raise Suspended
        if finished.status != "done":
            raise LyceumError(f"The {flow} run {run} ended as {finished.status}: {finished.error}")
        return finished.result

    def shield(self) -> AbstractAsyncContextManager[None]:
        return self._shields.held()


class JournalEngine:
    """Starts, drives, follows and cancels runs in this process; also the product's `Jobs`."""

    def __init__(self, runtime: Runtime, journal: JournalStore, flows: Mapping[str, Flow]) -> None:
        self.runtime = runtime
        self.journal = journal
        self._flows = flows
        self.ledgers: dict[str, Ledger] = {}  # what each run that is driven here has used
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"

    async def submit(
        self,
        flow: str,
        input: BaseModel | Mapping[str, Any],  # noqa: A002
        *,
        thread: str | None = None,
        parent: str | None = None,
    ) -> str:
        if flow not in self._flows:
            raise UserError(f"There is no flow {flow!r}.", next_step=nearest(flow, self._flows, what="flows"))
        thread = thread or (await self.runtime.store.create_thread(flow)).id
        value = input.model_dump(mode="json") if isinstance(input, BaseModel) else dict(input)
        run = await self.runtime.store.create_run(thread, flow, value, parent=parent)
        await self.record(run.id, RunStarted(flow=flow, thread=thread, input=value), once="started")
        return run.id

    async def drive(self, run_id: str) -> Run:
        """Run until the flow ends or waits for a person; a failure is told by the run's status, not raised.

        Raises UserError while another process drives the run.
        """
        store = self.runtime.store
        run = await store.run(run_id)
        if run.status in ENDED:
            return run
        lease = await store.acquire(run_id, self._owner, seconds=LEASE_SECONDS)
        if lease is None:
            raise UserError(
                f"Run {run_id} is being driven by another process.",
                next_step=f"Follow it with `lyceum runs watch {run_id}`.",
            )
        await store.set_status(run_id, "running", fence=lease.fence)
        shields = Shields()
        heart = asyncio.ensure_future(self._keep(lease, shields))
        try:
            await self._traced(run, lease, shields)
        finally:
            heart.cancel()
            self.ledgers.pop(run_id, None)
            await store.release(lease)
        return await store.run(run_id)

    async def _traced(self, run: Run, lease: Lease, shields: Shields) -> None:
        known = {"lyceum.run": run.id, "lyceum.thread": run.thread}
        with self.runtime.tracer.start_as_current_span(f"run {run.flow}", attributes=known) as span:
            await self._end(run, lease, shields)
            status = (await self.runtime.store.run(run.id)).status
            span.set_attribute("lyceum.status", status)
            if status == "failed":
                span.set_status(StatusCode.ERROR)

    async def _end(self, run: Run, lease: Lease, shields: Shields) -> None:
        store = self.runtime.store
        flow = self._flows[run.flow]
        request_type = get_type_hints(flow).get("request", dict)
        clock = asyncio.timeout(self.runtime.budget.seconds)
        try:
            request = TypeAdapter(request_type).validate_python(run.input)
            async with clock:
                result = await shields.run(flow(JournalContext(self, run, lease, shields), request))
        except Suspended:
            await store.set_status(run.id, "waiting", fence=lease.fence)
            return
        except asyncio.CancelledError:
            await store.set_status(run.id, "cancelled", fence=lease.fence)
            await self.record(run.id, RunFinished(status="cancelled"), once="finished")
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
        except LyceumError as error:
            await self._fail(run, lease, error)
        except Exception as error:  # noqa: BLE001 - the last place that can turn a crash into a readable end
            from models.errors import friendly

            limit = LimitReached(
                f"The run took longer than {self.runtime.budget.seconds:g} s.", next_step="Raise budget.seconds."
            )
            await self._fail(run, lease, limit if clock.expired() else friendly(error))
        else:
            value = result.model_dump(mode="json") if isinstance(result, BaseModel) else result
            await store.set_status(run.id, "done", result=value, fence=lease.fence)
            await self.record(run.id, RunFinished(status="done"), once="finished")

    async def _fail(self, run: Run, lease: Lease, error: LyceumError) -> None:
        status = (
            "limit" if isinstance(error, LimitReached) else "cancelled" if isinstance(error, Cancelled) else "failed"
        )
        await self.runtime.store.set_status(run.id, status, error=str(error), fence=lease.fence)
        await self.record(
            run.id, RunFinished(status=status, error=error.message, next_step=error.next_step), once="finished"
        )

    async def _keep(self, lease: Lease, shields: Shields) -> None:
        """Renew the lease while the run goes on; stop the flow when the lease is lost or the run was cancelled."""
        store = self.runtime.store
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            held = True
            if time.monotonic() - renewed > LEASE_SECONDS / 3:
                held, renewed = await store.renew(lease, seconds=LEASE_SECONDS), time.monotonic()
            if not held or (await store.run(lease.run)).status == "cancelled":
                shields.cancel()
                return

    async def cancel(self, run_id: str) -> None:
        """End a run as cancelled; a process that drives it sees it at its next heartbeat and stops."""
        run = await self.runtime.store.run(run_id)
        if run.status in ENDED:
            raise UserError(f"Run {run_id} has already ended ({run.status}).", next_step="See `lyceum runs show`.")
        await self.runtime.store.set_status(run_id, "cancelled")
        await self.record(run_id, RunFinished(status="cancelled"), once="finished")

    async def decide(self, run: str, approval: str, decision: Decision) -> None:
        await self.runtime.store.decide(run, approval, decision)

    async def watch(self, run: str, *, after: int = 0) -> AsyncIterator[Event]:
        while True:
            status = (await self.runtime.store.run(run)).status
            for event in await self.runtime.store.events(run, after=after):
                after = event.seq
                yield event
            if status in ENDED or status == "waiting":
                return
            await asyncio.sleep(0.1)

    async def record(self, run_id: str, event: BaseModel, *, once: str | None = None) -> bool:
        """Keep an event and let this process's listener see it, once; False where it was kept before."""
        before = event
        kept = await self.runtime.store.append(run_id, event, once=once)
        new = getattr(kept, "at", None) == getattr(before, "at", None)
        if new:
            self.runtime.listen(kept)
        return new


def fingerprint(args: tuple[object, ...], kwargs: Mapping[str, object]) -> str:
    """Return a hash of JSON-able arguments; the same arguments give the same hash in every process."""
    encoded = TypeAdapter(Any).dump_json([args, kwargs], fallback=repr)
    return hashlib.sha256(json.dumps(json.loads(encoded), sort_keys=True).encode()).hexdigest()[:32]
