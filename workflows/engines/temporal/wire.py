"""What travels between client, workflow and activities, and how our errors travel with it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, FailureError
from temporalio.exceptions import TimeoutError as TemporalTimeout

from lyceum.errors import LyceumError, OperatorError
from lyceum.events import ModelCalled, RunStatus
from workflows.engines.failures import Failure


class Kept(BaseModel):
    """A call that finished before the run continued as new."""

    arguments: str
    result: Any = None
    failure: Failure | None = None


class FlowInput(BaseModel):
    """What a workflow starts with; `kept` and what follows it come from the same run before it continued as new."""

    run: str
    thread: str
    flow: str
    input: Any
    kept: dict[str, Kept] = {}
    paid: list[ModelCalled] = []
    tool_calls: int = 0
    inbox: list[tuple[str, str]] = []
    read: dict[str, int] = {}
    last_event: int = 0


class StepCall(BaseModel):
    key: str
    arguments: dict[str, Any]


class Recorded(BaseModel):
    """An event for the run store, as JSON of the event union."""

    run: str
    once: str
    event: dict[str, Any]


class Question(BaseModel):
    run: str
    key: str
    title: str
    request: dict[str, Any]
    edits: dict[str, Any] | None = None


class Settled(BaseModel):
    run: str
    approval: str
    decision: dict[str, Any]


class Status(BaseModel):
    run: str
    status: RunStatus
    result: Any = None
    error: str = ""


class ChildStart(BaseModel):
    flow: str
    thread: str
    parent: str
    input: Any
    run: str


def failed(error: Exception, *, retryable: bool = False) -> ApplicationError:
    """Return an error of ours as Temporal's: it is not tried again by the server unless `retryable`."""
    failure = error if isinstance(error, Failure) else Failure.of(error)
    return ApplicationError(
        failure.message, failure.model_dump(mode="json"), type=failure.kind, non_retryable=not retryable
    )


def ours(error: BaseException | None) -> LyceumError | None:
    """Return the error of our tree that a Temporal failure carries, however deep; None where it carries none."""
    while isinstance(error, (ActivityError, ChildWorkflowError)):
        error = error.cause
    if isinstance(error, TemporalTimeout):
        return OperatorError(
            "The process that did this step died or fell silent, each time it was tried.",
            next_step="See the workers' logs; correct the step or give the worker more memory, then fork the run.",
        )
    if isinstance(error, ApplicationError):
        try:
            return Failure.model_validate(error.details[0]).error()
        except (IndexError, ValidationError):
            return OperatorError(
                f"A part of the run failed ({error.type or 'unknown'}).", next_step="See the workers' logs."
            )
    if isinstance(error, FailureError):
        return OperatorError(f"Temporal ended a part of the run ({type(error).__name__}).", next_step="See its UI.")
    return None
