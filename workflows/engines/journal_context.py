"""A flow's context on the journal: every verb looks first whether the run has done it already."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from pydantic import BaseModel, TypeAdapter

from lyceum.errors import LeaseLost, LyceumError, StoreFailed
from lyceum.events import Answered, ApprovalAsked, ApprovalDecided
from lyceum.runs import ENDED, Decision, Lease, Run
from models.budgets import Ledger
from models.prices import Prices
from workflows.context import AgentInput, Context
from workflows.engines.branches import at_rest, branch_of
from workflows.engines.budget import run_budget
from workflows.engines.failures import Failure
from workflows.engines.replay import Replay, path_changed
from workflows.engines.shields import Shields
from workflows.engines.steps import Signature, call_step, child_id, fingerprint, signature
from workflows.runtime import Runtime, StepScope

if TYPE_CHECKING:
    from workflows.engines.journal import JournalEngine

P = ParamSpec("P")
T = TypeVar("T")

POLL_SECONDS = 0.2
STOPPED = "stopped."  # begins the scope of a stopped flow's clean-up


class Suspended(BaseException):
    """The run waits for a person; it continues from the journal when the decision is there."""


@dataclass
class Drive:
    """One drive of a run: all its branches share it. `wake` is the earliest moment at which it should go on.

    `origins` are the runs that it was forked from: what it kept of theirs was done under their names.
    `finish` is the key of the event that ends it: a run that is tried again ends again. `approved`: a person has
    approved something of it before this drive. `seconds` is what this drive may take.
    """

    run: Run
    lease: Lease
    replay: Replay
    beats: dict[str, Any]
    shields: Shields = field(default_factory=Shields)
    read: dict[str, int] = field(default_factory=dict[str, int])
    wake: float | None = None
    origins: list[str] = field(default_factory=list[str])
    finish: str = "finished"
    approved: bool = False
    seconds: float = 0.0


class JournalContext:
    """A `Context` on the journal; `scope` is the branch it drives ("" for the trunk)."""

    def __init__(self, engine: JournalEngine, drive: Drive, scope: str = "") -> None:
        self.engine = engine
        self.drive = drive
        self.scope = scope
        self._count = 0
        self._suspended = False

    @property
    def run_id(self) -> str:
        return self.drive.run.id

    @property
    def thread_id(self) -> str:
        return self.drive.run.thread

    def inner(self, scope: str) -> JournalContext:
        """Return a context of the same run for a branch or an agent."""
        return JournalContext(self.engine, self.drive, scope)

    def next_key(self, name: str) -> str:
        if self._suspended:  # a `finally` of a flow that waits: its time has not come
            raise Suspended
        self._count += 1
        place = f"{self.scope}{self._count}:{name}"
        if not self.drive.shields.stopped or self.scope.startswith(STOPPED):
            return place
        # What a flow does while it is stopped is no part of its path: a resume goes on where the path was.
        return f"{STOPPED}{self.drive.lease.fence}/{place}"

    async def unit(self, key: str, arguments: str, body: Callable[[], Awaitable[Any]]) -> Any:
        """Run `body` once for this key and keep its JSON result, or how it failed; a finished key gives it again."""
        drive, journal = self.drive, self.engine.journal
        finished, value = await drive.replay.get(key, arguments)
        if finished:
            return value
        try:
            result = await body()
        except (StoreFailed, LeaseLost):  # says nothing about the work: it is done again when the run goes on
            raise
        except Exception as error:
            failure = Failure.of(error)
            drive.replay.add(key, await journal.put(drive.lease, key, arguments, failure=failure))
            raise failure.error() from error
        drive.replay.add(key, await journal.put(drive.lease, key, arguments, result))
        return result

    async def step(self, fn: Callable[Concatenate[Runtime, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        known = signature(fn)
        arguments = known.dump(args, kwargs)
        key = self.next_key(fn.__name__)

        async def beat(progress: Any) -> None:
            await self.engine.journal.beat(self.drive.lease, key, progress)

        async def body() -> Any:
            scope = StepScope(f"{self.run_id}/{key}", last=self.drive.beats.get(key), tell=beat)
            return await call_step(fn, self.engine.runtime, scope, arguments)

        kept = await self.unit(key, self._identity(key, known, args, kwargs), body)
        return cast("T", known.result.validate_python(kept))

    def _identity(self, key: str, known: Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        hashed = known.identity(args, kwargs)
        recorded = self.drive.replay.arguments(key)
        if recorded not in (None, hashed):
            for origin in self.drive.origins:
                if known.identity(args, kwargs, (self.run_id, origin)) == recorded:
                    return recorded
        return hashed

    async def agent(self, role: str, input: AgentInput, model_key: str = "default") -> Any:  # noqa: A002
        from workflows.engines.agent_unit import run_agent

        key = self.next_key(f"agent.{role}")
        inner = self.inner(f"{key}/")
        adapter: TypeAdapter[Any] = TypeAdapter(self.engine.runtime.team[role].output)

        async def body() -> Any:
            return adapter.dump_python(await run_agent(inner, role, input, model_key), mode="json")

        kept = await self.unit(key, fingerprint((role, input, model_key)), body)
        return adapter.validate_python(kept)

    async def gather(self, *branches: Callable[[Context], Awaitable[T]]) -> list[T]:
        key = self.next_key("gather")
        scopes = [self.inner(f"{key}/{number}/") for number in range(len(branches))]
        # Every branch comes to rest before an error goes up: a finished call is never thrown away with its branch.
        tasks = [asyncio.ensure_future(branch(scope)) for branch, scope in zip(branches, scopes, strict=True)]
        results = await at_rest(tasks)
        errors = [result for result in results if isinstance(result, BaseException)]
        suspended = [error for error in errors if isinstance(error, Suspended)]
        if suspended and not any(isinstance(error, (StoreFailed, LeaseLost)) for error in errors):
            # The others' errors are kept in the journal; which of all goes up is settled when nobody waits any more.
            self._suspended = True
            raise suspended[0]
        if errors:
            raise errors[0]
        for scope in scopes:
            scope.finish()
        return cast("list[T]", results)

    def finish(self) -> None:
        """Refuse a recorded run that went further in this scope than its code now does."""
        self.drive.replay.finish(self.scope, self._count)

    async def approve(
        self,
        name: str,
        *,
        title: str,
        request: dict[str, Any],
        timeout: timedelta | None = None,
        edits: type[BaseModel] | None = None,
    ) -> Decision:
        key = self.next_key(f"approve.{name}")
        self.drive.replay.check(key)
        return await self.ask(key, title, request, timeout, edits)

    async def ask(
        self,
        key: str,
        title: str,
        request: dict[str, Any],
        timeout: timedelta | None = None,
        edits: type[BaseModel] | None = None,
    ) -> Decision:
        """Ask under a key of the caller's own; raises Suspended until there is an answer."""
        store = self.engine.runtime.store
        schema = edits.model_json_schema() if edits else None
        approval = await store.ask(self.run_id, key, title=title, request=request, edits=schema)
        if fingerprint(approval.request) != fingerprint(request):
            raise path_changed(self.run_id, f"{key} asked for something else before")
        await self._emit_once(ApprovalAsked(approval=approval.id, title=title, request=request), f"{key}.asked")
        decision = approval.decision
        if decision is None and timeout is not None:
            ends = approval.asked + timeout
            if datetime.now(UTC) >= ends:
                late = Decision(approved=False, reason="Nobody answered in time.", by="timeout")
                decision = (await store.decide(self.run_id, approval.id, late)).decision
            else:
                self.drive.wake = min(self.drive.wake or float("inf"), ends.timestamp())
        if decision is None:
            self._suspended = True
            raise Suspended
        await self._emit_once(
            ApprovalDecided(approval=approval.id, approved=decision.approved, reason=decision.reason, by=decision.by),
            f"{key}.decided",
        )
        return decision

    async def received(self, channel: str) -> list[str]:
        async def read() -> list[tuple[int, str]]:
            return await self.engine.journal.sent(self.run_id, channel, self.drive.read.get(channel, 0))

        found = await self.unit(self.next_key("received"), fingerprint(channel), read)
        if found:
            self.drive.read[channel] = found[-1][0]
        return [text for _, text in found]

    async def sleep(self, seconds: float) -> None:
        async def fix() -> float:
            return time.time() + seconds

        until = await self.unit(self.next_key("sleep"), fingerprint(seconds), fix)
        # A clock that was set back must not make the wait longer than it was.
        with self.drive.shields.waiting():
            await asyncio.sleep(min(max(0.0, until - time.time()), seconds))

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
        await self.record(event.model_copy(update=known), key)

    async def record(self, event: BaseModel, once: str) -> bool:
        """Keep an event of this run, once; False where it was kept before."""
        return await self.engine.record(self.run_id, event, once=once, fence=self.drive.lease.fence)

    async def keep(self, event: BaseModel, once: str) -> None:
        await self.engine.runtime.store.append(self.run_id, event, once=once, fence=self.drive.lease.fence)

    def listen(self, event: BaseModel) -> None:
        self.engine.runtime.listen(event)

    @property
    def prices(self) -> Prices:
        return self.engine.runtime.prices

    async def ledger(self) -> Ledger:
        """Return the ledger of the run; a resumed run starts from what its events say."""
        ledgers, runtime = self.engine.ledgers, self.engine.runtime
        if self.run_id not in ledgers:
            events = await runtime.store.events(self.run_id)
            budget = run_budget(runtime.budget, self.drive.run.input)
            ledgers.setdefault(self.run_id, Ledger.of(budget, runtime.prices, events))
        return ledgers[self.run_id]

    @property
    def branch(self) -> str:
        return branch_of(self.scope)

    async def version(self, change: str, current: int) -> int:
        async def choose() -> int:
            # A run that was here before the change was made goes on as it began.
            return 0 if self.drive.replay.reached(self.scope, self._count) else current

        return await self.unit(f"{self.scope}version.{change}", "", choose)

    async def child(self, flow: str, input: BaseModel, *, wait: bool = True) -> Any:  # noqa: A002
        key = self.next_key(f"child.{flow}")

        async def submit() -> str:
            own = child_id(self.run_id, key)
            return await self.engine.submit(flow, input, thread=self.thread_id, parent=self.run_id, run_id=own)

        run_id = await self.unit(key, fingerprint((flow, input)), submit)
        if not wait:
            return run_id
        finished = await self._driven(run_id)
        if finished.status not in ENDED:
            self._suspended = True
            raise Suspended
        if finished.status != "done":
            raise LyceumError(f"The {flow} run {run_id} ended as {finished.status}: {finished.error}")
        return finished.result

    async def _driven(self, run_id: str) -> Run:
        """Drive a child, or follow it where another process does."""
        while True:
            run = await self.engine.try_drive(run_id)
            if run is not None:
                return run
            await asyncio.sleep(POLL_SECONDS)

    def shield(self) -> AbstractAsyncContextManager[None]:
        return self.drive.shields.held()
