"""A conversation on Temporal: one workflow a thread, which has the thread's turns carried out one after the other.

A turn is taken by an update that starts the conversation where none is open. Where no worker is there to take it, it is
left as a signal, which a worker finds later. A turn has its run's id, so it is one turn however often it is given.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from temporalio import workflow
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.common import TypedSearchAttributes, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import ParentClosePolicy

from workflows.engines.temporal.wire import FlowInput

TURNS = frozenset({"chat_turn"})  # the flows that are turns of a conversation
NAME = "lyceum.conversation"
IDLE = timedelta(minutes=10)  # after which a conversation closes; the next turn opens another
LONGEST = 2000  # events of history, then it continues as new
TAKEN_SECONDS = 3.0  # that a worker has to take a turn, before it is left for later


class Talk(BaseModel):
    """What a conversation begins with; turns are there where it continued as new."""

    thread: str
    turns: list[FlowInput] = []


def conversation_id(thread: str) -> str:
    return f"thread-{thread}"


@workflow.defn(name=NAME, sandboxed=False)
class Conversation:
    """`_begun` is the turn under way, the first of `_turns`; those in `_dropped` were taken back before they began."""

    def __init__(self) -> None:
        self._turns: list[FlowInput] = []
        self._begun = ""
        self._dropped: list[str] = []

    @workflow.run
    async def run(self, given: Talk) -> None:
        self._turns = [*given.turns, *self._turns]
        while True:
            try:
                await workflow.wait_condition(lambda: bool(self._turns), timeout=IDLE)
            except TimeoutError:
                if self._turns or not workflow.all_handlers_finished():
                    continue
                return
            await self._carried_out(self._turns[0])
            self._turns.pop(0)
            info = workflow.info()
            if info.get_current_history_length() > LONGEST or info.is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(Talk(thread=given.thread, turns=self._turns))

    async def _carried_out(self, turn: FlowInput) -> None:
        self._begun = turn.run
        try:
            await workflow.execute_child_workflow(
                turn.flow,
                turn,
                id=turn.run,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                parent_close_policy=ParentClosePolicy.ABANDON,
                search_attributes=workflow.info().typed_search_attributes,
                static_summary=f"Lyceum {turn.flow}",
            )
        except (ChildWorkflowError, WorkflowAlreadyStartedError):
            return  # how a turn ended is told by its run

    @workflow.update(name="take")
    def take(self, turn: FlowInput) -> int:
        """Return how many turns come before it."""
        return self._place(turn)

    @workflow.signal(name="left")
    def left(self, turn: FlowInput) -> None:
        self._place(turn)

    def _place(self, turn: FlowInput) -> int:
        known = [each.run for each in self._turns]
        if turn.run in self._dropped:  # an update that timed out may come after the signal that took it back
            return len(known)
        if turn.run not in known:
            self._turns.append(turn)
            return len(known)
        return known.index(turn.run)

    @workflow.signal(name="drop")
    def drop(self, run: str) -> None:
        """Forget a turn that has not begun."""
        if run != self._begun:
            self._dropped.append(run)
            self._turns = [each for each in self._turns if each.run != run]


async def give_turn(client: Client, turn: FlowInput, task_queue: str, known: TypedSearchAttributes | None) -> None:
    """Have a turn taken by its thread's conversation; raises RPCError where the server does not answer."""
    begun: dict[str, Any] = {
        "id": conversation_id(turn.thread),
        "task_queue": task_queue,
        "id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING,
        "search_attributes": known,
    }
    opening: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(NAME, Talk(thread=turn.thread), **begun)
    untyped: Any = client  # the overloads of this call name no types
    try:
        await untyped.start_update_with_start_workflow(
            "take",
            turn,
            start_workflow_operation=opening,
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            id=turn.run,
            rpc_timeout=timedelta(seconds=TAKEN_SECONDS),
        )
    except (WorkflowUpdateRPCTimeoutOrCancelledError, RPCError) as error:
        late = RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED
        if isinstance(error, RPCError) and error.status not in late:
            raise
        await client.start_workflow(
            NAME, Talk(thread=turn.thread), **begun, start_signal="left", start_signal_args=[turn]
        )
