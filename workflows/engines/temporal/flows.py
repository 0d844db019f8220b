"""One workflow for each flow, made from its function: a run's questions, notes and events are reached through it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Protocol, get_type_hints

from pydantic import BaseModel, TypeAdapter
from temporalio import workflow
from temporalio.common import RetryPolicy as ServerRetries
from temporalio.exceptions import ApplicationError, FailureError

from agents.role import Role
from lyceum.errors import Cancelled, LimitReached, LyceumError, UserError
from lyceum.events import ModelCalled, RunFinished, RunStatus
from lyceum.run_store import check_edits
from lyceum.runs import Approval, Decision
from lyceum.settings import BudgetSettings
from models.budgets import Ledger
from models.errors import friendly
from models.prices import Prices
from workflows.context import AgentInput, Flow, seconds_for
from workflows.engines.shields import Shields
from workflows.engines.temporal.context import TemporalContext
from workflows.engines.temporal.wire import FlowInput, Kept, Status, failed, ours

LONGEST_NOTE = 10_000


class Host(Protocol):
    """What a worker gives its workflows: all of it is fixed while the worker lives."""

    @property
    def heartbeat(self) -> float: ...
    @property
    def continue_after(self) -> int: ...
    @property
    def budget(self) -> BudgetSettings: ...
    @property
    def prices(self) -> Prices: ...
    @property
    def team(self) -> Mapping[str, Role]: ...

    async def run_agent(self, ctx: TemporalContext, role: str, given: AgentInput, model_key: str) -> Any: ...


class FlowRun:
    """The state of one run in a workflow; `done` is what it carries over where it continues as new."""

    flow: ClassVar[Flow]
    host: ClassVar[Host]
    given: FlowInput

    def __init__(self) -> None:
        self.asked: dict[str, Approval] = {}
        self.events: list[dict[str, Any]] = []
        self.inbox: list[tuple[str, str]] = []
        self.read: dict[str, int] = {}
        self.done: dict[str, Kept] = {}
        self.paid: list[ModelCalled] = []
        self.tool_calls = 0
        self.open_branches = 0
        self.ledger: Ledger | None = None
        self.shields = Shields()
        self.ended = False

    async def _run(self, given: FlowInput) -> Any:
        self.given = given
        self.done = dict(given.kept)
        self.inbox = [*given.inbox, *self.inbox]
        self.read = dict(given.read)
        self.paid, self.tool_calls = list(given.paid), given.tool_calls
        status: RunStatus = "failed"
        try:
            if not given.kept:
                await self._status("running")
            request = TypeAdapter(get_type_hints(self.flow).get("request", dict)).validate_python(given.input)
            flow = type(self).flow(TemporalContext(self), request)
            result = await self.shields.run(flow, seconds_for(type(self).flow, self.host.budget.seconds))
        except asyncio.CancelledError:
            await self._end("cancelled", Cancelled("The run was cancelled."))
            raise
        except Exception as error:  # what is not caught here, Temporal would try again for ever
            known = self._known(error)
            status = "limit" if isinstance(known, LimitReached) else "failed"
            await self._end("cancelled" if isinstance(known, Cancelled) else status, known)
            raise failed(known) from error
        value = result.model_dump(mode="json") if isinstance(result, BaseModel) else result
        await self._end("done", None, value)
        return value

    def _known(self, error: Exception) -> LyceumError:
        if isinstance(error, TimeoutError) and error.args == ("late",):
            seconds = self.host.budget.seconds
            return LimitReached(f"The run took longer than {seconds:g} s.", next_step="Raise budget.seconds.")
        return (ours(error) if isinstance(error, FailureError) else None) or friendly(error)

    async def _end(self, status: RunStatus, error: LyceumError | None, result: Any = None) -> None:
        self.ended = True
        said = "" if error is None or status == "cancelled" else str(error)
        message, step = (error.message, error.next_step) if error and said else ("", "")
        # The event first: whoever sees that the run has ended finds its last event there.
        await TemporalContext(self).record(RunFinished(status=status, error=message, next_step=step), "finished")
        await self._status(status, result, said)

    async def _status(self, status: RunStatus, result: Any = None, error: str = "") -> None:
        await workflow.execute_activity(
            "lyceum.status",
            Status(run=self.given.run, status=status, result=result, error=error),
            start_to_close_timeout=timedelta(minutes=1),
            retry_policy=ServerRetries(maximum_interval=timedelta(seconds=10)),
        )

    async def breathe(self, scope: str) -> None:
        """Continue as new where the history has grown long, between two calls of the trunk and with no branch open."""
        info = workflow.info()
        long = info.get_current_history_length() > self.host.continue_after or info.is_continue_as_new_suggested()
        if not long or scope or self.open_branches or self.shields.stopped:
            return
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(
            self.given.model_copy(
                update={
                    "kept": self.done,
                    "paid": self.paid,
                    "tool_calls": self.tool_calls,
                    "inbox": self.inbox,
                    "read": self.read,
                }
            )
        )

    @workflow.query(name="events")
    def after(self, after: int) -> list[dict[str, Any]]:
        """Return the events with a greater number, of this history; earlier ones are in the run store."""
        return [event for event in self.events if event["seq"] > after]

    @workflow.query(name="approvals")
    def approvals(self) -> list[dict[str, Any]]:
        return [each.model_dump(mode="json") for each in self.asked.values() if each.decision is None]

    @workflow.update(name="decide")
    def decide(self, approval: str, decision: dict[str, Any]) -> None:
        self.asked[approval].decision = Decision.model_validate(decision)

    @decide.validator
    def _may_decide(self, approval: str, decision: dict[str, Any]) -> None:
        def check() -> None:
            known = self.asked.get(approval)
            run = workflow.info().workflow_id
            if known is None:
                raise UserError(
                    f"Run {run} asks for no approval {approval!r}.", next_step=f"See `lyceum runs show {run}`."
                )
            if known.decision is not None:
                raise UserError("That approval is already decided.", next_step=f"See `lyceum runs show {run}`.")
            check_edits(Decision.model_validate(decision), known.edits)

        _refusing(check)

    @workflow.update(name="send")
    def send(self, channel: str, text: str) -> None:
        self.inbox.append((channel, text))

    @send.validator
    def _may_send(self, channel: str, text: str) -> None:
        def check() -> None:
            if self.ended:
                raise UserError("The run has already ended.", next_step="See `lyceum runs show`.")
            if not channel or not text.strip() or len(text) > LONGEST_NOTE:
                raise UserError(f"A note has 1 to {LONGEST_NOTE:,} characters.", next_step="Send another one.")

        _refusing(check)


def _refusing(check: Callable[[], None]) -> None:
    try:
        check()
    except Exception as error:  # noqa: BLE001 - an update's refusal is told to whoever sent it
        raise failed(error) from None


def workflow_of(name: str, flow: Flow, host: Host, *, refuses: bool = True) -> type:
    """Return the workflow that runs a flow; its name is the flow's, so that a run finds it in every release.

    A run that no longer fits its code ends with an explanation. Not so where `refuses` is false: a replayer is then
    told of the first difference, and would else wait for an end that the history does not have.
    """

    async def run(self: FlowRun, given: FlowInput) -> Any:
        return await self._run(given)  # pyright: ignore[reportPrivateUsage]

    kind = f"Flow_{name}"
    run.__qualname__ = f"{kind}.run"
    run.__annotations__ = {"given": FlowInput, "return": Any}
    made = type(kind, (FlowRun,), {"flow": staticmethod(flow), "host": host, "run": workflow.run(run)})
    made.__module__ = __name__
    # Not sandboxed: flows are linted to touch nothing but their context, and agents come with half the house.
    ends: list[type[BaseException]] = [ApplicationError, *([workflow.NondeterminismError] if refuses else [])]
    return workflow.defn(name=name, sandboxed=False, failure_exception_types=ends)(made)
