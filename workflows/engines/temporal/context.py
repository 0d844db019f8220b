"""A flow's context inside a Temporal workflow: Temporal keeps what is finished, this gives it our keys and rules."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from pydantic import BaseModel, TypeAdapter
from temporalio import workflow
from temporalio.common import RetryPolicy as ServerRetries
from temporalio.exceptions import ActivityError, ChildWorkflowError, is_cancelled_exception
from temporalio.workflow import ActivityCancellationType, ParentClosePolicy

from lyceum.errors import LyceumError, OperatorError, StoreFailed, UserError, nearest
from lyceum.events import Answered, ApprovalAsked, ApprovalDecided, ModelCalled, ToolCalled
from lyceum.runs import Approval, Decision
from models.budgets import Ledger
from models.prices import Prices
from workflows.context import AgentInput, Context
from workflows.engines.branches import at_rest, branch_of
from workflows.engines.budget import run_budget
from workflows.engines.failures import Failure
from workflows.engines.retry import retrying
from workflows.engines.steps import child_id, fingerprint, signature
from workflows.engines.temporal.wire import ChildStart, FlowInput, Kept, Question, Recorded, Settled, StepCall, ours
from workflows.runtime import Runtime

if TYPE_CHECKING:
    from workflows.engines.temporal.flows import FlowRun

P = ParamSpec("P")
T = TypeVar("T")

# An error of a step is never tried again by the server: it tries again only where a worker died, and not for ever.
DEATHS = 5
SERVER_RETRIES = ServerRetries(maximum_attempts=DEATHS, initial_interval=timedelta(seconds=1))
STORE_WAIT = 5.0
LONGEST_STEP = timedelta(days=7)


class TemporalContext:
    """A `Context` in a workflow; `scope` is the branch it drives ("" for the trunk)."""

    def __init__(self, run: FlowRun, scope: str = "") -> None:
        self.run = run
        self.scope = scope
        self._count = 0

    @property
    def run_id(self) -> str:
        return self.run.given.run

    @property
    def thread_id(self) -> str:
        return self.run.given.thread

    def inner(self, scope: str) -> TemporalContext:
        return TemporalContext(self.run, scope)

    def next_key(self, name: str) -> str:
        self._count += 1
        return f"{self.scope}{self._count}:{name}"

    async def _once(self, key: str, arguments: str, body: Callable[[], Awaitable[Any]]) -> Any:
        """Do what Temporal keeps by itself; what the run did before it continued as new comes from its input."""
        await self.run.breathe(self.scope)
        kept = self.run.given.kept.get(key)
        if kept is not None:
            if kept.arguments != arguments:
                raise UserError(
                    f"Run {self.run_id} cannot go on: step {key} was recorded with other arguments.",
                    next_step=f"Start it anew with `lyceum runs fork {self.run_id}`.",
                )
            if kept.failure is not None:
                raise kept.failure.error()
            return kept.result
        try:
            result = await body()
        except LyceumError as error:
            self.run.done[key] = Kept(arguments=arguments, failure=Failure.of(error))
            raise
        self.run.done[key] = Kept(arguments=arguments, result=result)
        return result

    async def unit(self, key: str, arguments: str, body: Callable[[], Awaitable[Any]]) -> Any:
        """Do a piece of an agent's work: its activities are kept by Temporal, each by itself."""
        del key, arguments
        return await body()

    async def step(self, fn: Callable[Concatenate[Runtime, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        known = signature(fn)
        arguments = known.dump(args, kwargs)
        key = self.next_key(fn.__name__)
        hashed = known.identity(args, kwargs)
        tries = 0

        async def once() -> Any:
            nonlocal tries
            tries += 1
            # The id is part of what Temporal compares on replay: other arguments at this place are noticed.
            return await self._activity(
                f"{fn.__module__}:{fn.__qualname__}",
                StepCall(key=key, arguments=arguments),
                place=f"{key}#{hashed[:8]}.{tries}",
                heartbeat=timedelta(seconds=self.run.host.heartbeat),
            )

        kept = await self._once(key, hashed, lambda: retrying(once, known.options.retry))
        return cast("T", known.result.validate_python(kept))

    async def _activity(
        self,
        name: str,
        given: BaseModel,
        *,
        place: str,
        heartbeat: timedelta | None = None,
    ) -> Any:
        while True:
            try:
                return await workflow.execute_activity(
                    name,
                    given,
                    activity_id=place,
                    start_to_close_timeout=LONGEST_STEP if heartbeat else timedelta(minutes=1),
                    heartbeat_timeout=heartbeat,
                    retry_policy=SERVER_RETRIES if heartbeat else None,
                    cancellation_type=ActivityCancellationType.TRY_CANCEL,
                    summary=place.partition("#")[0],
                )
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise asyncio.CancelledError from error
                known = ours(error)
                if isinstance(known, StoreFailed):  # a full disk is no one's answer: wait until there is room
                    await asyncio.sleep(STORE_WAIT)
                    place += "+"
                    continue
                if known is None:
                    raise
                raise known from error

    async def agent(self, role: str, input: AgentInput, model_key: str = "default") -> Any:  # noqa: A002
        key = self.next_key(f"agent.{role}")
        member = self.run.host.team.get(role)
        if member is None:
            raise UserError(f"There is no agent {role!r}.", next_step=nearest(role, self.run.host.team, what="agents"))
        adapter: TypeAdapter[Any] = TypeAdapter(member.output)

        async def body() -> Any:
            output = await self.run.host.run_agent(self.inner(f"{key}/"), role, input, model_key)
            return adapter.dump_python(output, mode="json")

        kept = await self._once(key, fingerprint((role, input, model_key)), body)
        return adapter.validate_python(kept)

    async def gather(self, *branches: Callable[[Context], Awaitable[T]]) -> list[T]:
        key = self.next_key("gather")
        scopes = [self.inner(f"{key}/{number}/") for number in range(len(branches))]
        tasks = [asyncio.ensure_future(branch(scope)) for branch, scope in zip(branches, scopes, strict=True)]
        self.run.open_branches += 1
        try:
            results = await at_rest(tasks)
        finally:
            self.run.open_branches -= 1
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return cast("list[T]", results)

    async def approve(
        self,
        name: str,
        *,
        title: str,
        request: dict[str, Any],
        timeout: timedelta | None = None,
        edits: type[BaseModel] | None = None,
    ) -> Decision:
        return await self.ask(self.next_key(f"approve.{name}"), title, request, timeout, edits)

    async def ask(
        self,
        key: str,
        title: str,
        request: dict[str, Any],
        timeout: timedelta | None = None,
        edits: type[BaseModel] | None = None,
    ) -> Decision:
        async def body() -> Any:
            return (await self._asked(key, title, request, timeout, edits)).model_dump(mode="json")

        return Decision.model_validate(await self._once(key, fingerprint((title, request)), body))

    async def _asked(
        self,
        key: str,
        title: str,
        request: dict[str, Any],
        timeout: timedelta | None,
        edits: type[BaseModel] | None,
    ) -> Decision:
        schema = edits.model_json_schema() if edits else None
        question = Question(run=self.run_id, key=key, title=title, request=request, edits=schema)
        approval = Approval.model_validate(await self._activity("lyceum.ask", question, place=f"{key}#ask"))
        self.run.asked[approval.id] = approval
        await self.record(ApprovalAsked(approval=approval.id, title=title, request=request), f"{key}.asked")
        if approval.decision is None:
            try:
                with self.run.shields.waiting():
                    await workflow.wait_condition(lambda: approval.decision is not None, timeout=timeout)
            except TimeoutError:
                approval.decision = Decision(approved=False, reason="Nobody answered in time.", by="timeout")
        decision = approval.decision
        assert decision is not None
        settled = Settled(run=self.run_id, approval=approval.id, decision=decision.model_dump(mode="json"))
        await self._activity("lyceum.settle", settled, place=f"{key}#settle")
        await self.record(
            ApprovalDecided(approval=approval.id, approved=decision.approved, reason=decision.reason, by=decision.by),
            f"{key}.decided",
        )
        return decision

    async def received(self, channel: str) -> list[str]:
        self.next_key("received")
        read = self.run.read.get(channel, 0)
        found = [text for each, text in self.run.inbox if each == channel]
        self.run.read[channel] = len(found)
        return found[read:]

    async def sleep(self, seconds: float) -> None:
        async def wait() -> None:
            with self.run.shields.waiting():
                await workflow.sleep(seconds)

        await self._once(self.next_key("sleep"), fingerprint(seconds), wait)

    async def now(self) -> datetime:
        async def read() -> str:
            return workflow.now().isoformat()

        return datetime.fromisoformat(await self._once(self.next_key("now"), "", read))

    async def uuid(self) -> str:
        async def draw() -> str:
            return workflow.uuid4().hex

        return await self._once(self.next_key("uuid"), "", draw)

    async def emit(self, event: BaseModel) -> None:
        key = self.next_key(f"emit.{getattr(event, 'kind', 'event')}")
        known: dict[str, Any] = {"branch": self.branch}
        if isinstance(event, Answered) and self.run.ledger is not None:
            known["models"] = list(self.run.ledger.models)
        await self.record(event.model_copy(update=known), key)

    async def record(self, event: BaseModel, once: str) -> bool:
        """Keep an event of this run; in a workflow it is always new, because the workflow is rebuilt with it."""
        if once in self.run.given.kept:
            self.run.done[once] = self.run.given.kept[once]
            return True
        given = Recorded(run=self.run_id, once=once, event=event.model_dump(mode="json"))
        try:
            kept = await workflow.execute_local_activity(
                "lyceum.record",
                given,
                result_type=dict[str, Any],
                start_to_close_timeout=timedelta(minutes=1),
                retry_policy=ServerRetries(maximum_interval=timedelta(seconds=5)),
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise asyncio.CancelledError from error
            raise
        self.run.events.append(kept)
        self.run.done[once] = Kept(arguments="event")
        if isinstance(event, ModelCalled):
            self.run.paid.append(event)
        elif isinstance(event, ToolCalled):
            self.run.tool_calls += 1
        return True

    async def keep(self, event: BaseModel, once: str) -> None:
        await self.record(event, once)

    def listen(self, event: BaseModel) -> None:
        """Text does not stream out of a workflow: what is finished arrives as events."""

    @property
    def prices(self) -> Prices:
        return self.run.host.prices

    async def ledger(self) -> Ledger:
        if self.run.ledger is None:
            budget = run_budget(self.run.host.budget, self.run.given.input)
            self.run.ledger = Ledger.of(budget, self.prices, self.run.given.paid)
            self.run.ledger.tool_calls = self.run.given.tool_calls
        return self.run.ledger

    @property
    def branch(self) -> str:
        return branch_of(self.scope)

    async def version(self, change: str, current: int) -> int:
        name = f"{self.scope}version.{change}"

        async def choose() -> int:
            return next((n for n in range(current, 0, -1) if workflow.patched(f"{name}.{n}")), 0)

        return await self._once(name, "", choose)

    async def child(self, flow: str, input: BaseModel, *, wait: bool = True) -> Any:  # noqa: A002
        key = self.next_key(f"child.{flow}")
        own = child_id(self.run_id, key)
        given = FlowInput(run=own, thread=self.thread_id, flow=flow, input=input.model_dump(mode="json"))

        async def body() -> Any:
            start = ChildStart(flow=flow, thread=self.thread_id, parent=self.run_id, input=given.input, run=own)
            await self._activity("lyceum.child", start, place=f"{key}#start")
            started = await workflow.start_child_workflow(
                flow,
                given,
                id=own,
                parent_close_policy=ParentClosePolicy.REQUEST_CANCEL if wait else ParentClosePolicy.ABANDON,
            )
            if not wait:
                return own
            try:
                return await started
            except ChildWorkflowError as error:
                if is_cancelled_exception(error) and self.run.shields.stopped:
                    raise asyncio.CancelledError from error
                known = ours(error)
                raise OperatorError(f"The {flow} run {own} ended badly: {known or error}") from error

        return await self._once(key, fingerprint((flow, input)), body)

    def shield(self) -> AbstractAsyncContextManager[None]:
        return self.run.shields.held()
