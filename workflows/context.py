"""The context protocol, version 1: all that a flow may do to the world, on every engine.

A flow is `async def flow(ctx: Context, request: Request) -> Result` in plain control flow. It must reach the same
`ctx` calls in the same order when it is run again with the same input, because a resumed run replays it: finished
calls return what they returned, and the first unfinished one continues for real.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel, Field

from lyceum.runs import Decision
from workflows.runtime import Runtime

P = ParamSpec("P")
T = TypeVar("T")

Flow = Callable[["Context", Any], Awaitable[Any]]


class RetryPolicy(BaseModel):
    """How often a failing step is tried: only `Unavailable` errors are retried, after their own wait or a growing one.

    `first_wait` and `longest_wait` are in seconds; each wait doubles the last.
    """

    attempts: int = Field(default=3, ge=1)
    first_wait: float = Field(default=0.5, gt=0)
    longest_wait: float = Field(default=30, gt=0)


class StepOptions(BaseModel):
    """How a step is called: its retries, and after how many seconds a try has failed (None: it may take any time)."""

    retry: RetryPolicy = RetryPolicy()
    seconds: float | None = Field(default=None, gt=0)


def step_options(*, retry: RetryPolicy | None = None, seconds: float | None = None) -> Callable[[T], T]:
    """Give a step function options of its own: `@step_options(retry=RetryPolicy(attempts=5), seconds=30)`."""

    def given(fn: T) -> T:
        fn.step_options = StepOptions(retry=retry or RetryPolicy(), seconds=seconds)  # type: ignore[attr-defined]
        return fn

    return given


def takes_long(*, seconds: float) -> Callable[[T], T]:
    """Give a flow at least so many seconds, where `budget.seconds` is less: `@takes_long(seconds=86400)`.

    It is for work that people want done however long it takes, and that uses no model meanwhile.
    """

    def given(flow: T) -> T:
        flow.least_seconds = seconds  # type: ignore[attr-defined]
        return flow

    return given


def seconds_for(flow: Any, seconds: float) -> float:
    """Return how long a flow may take, where the settings allow `seconds`."""
    return max(seconds, getattr(flow, "least_seconds", 0.0))


class AgentInput(BaseModel):
    """What an agent is given: the prompt, earlier turns as (user, assistant) texts, and its dependencies as JSON."""

    prompt: str
    history: list[tuple[str, str]] = []
    deps: dict[str, Any] = {}


@runtime_checkable
class Context(Protocol):
    """The verbs of a durable flow. Each effect has an idempotency key, `run_id/step_key`."""

    @property
    def run_id(self) -> str: ...

    @property
    def thread_id(self) -> str: ...

    async def step(self, fn: Callable[Concatenate[Runtime, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a registered module-level function once; its pydantic-typed result is kept and replayed."""
        ...

    async def agent(self, role: str, input: AgentInput, model_key: str = "default") -> Any:  # noqa: A002
        """Run an agent of the team and return its typed output; every model and tool call inside is kept by itself."""
        ...

    async def gather(self, *branches: Callable[[Context], Awaitable[T]]) -> list[T]:
        """Run branches at the same time, each with a scope of its own; results come in the order given."""
        ...

    async def approve(
        self,
        name: str,
        *,
        title: str,
        request: dict[str, Any],
        timeout: timedelta | None = None,
        edits: type[BaseModel] | None = None,
    ) -> Decision:
        """Ask a person and wait, for days where needed; after `timeout` the answer is a refusal by "timeout".

        `edits` is what an edited answer must be: another one is refused where it is given, before anything is decided.
        """
        ...

    async def received(self, channel: str) -> list[str]:
        """Return what was sent to the run on this channel since the last call: steering notes, for one."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait until a moment that is fixed on the first call, also across restarts."""
        ...

    async def now(self) -> datetime: ...

    async def uuid(self) -> str: ...

    async def emit(self, event: BaseModel) -> None:
        """Append an event to the run, once, however often the flow is replayed."""
        ...

    async def version(self, change: str, current: int) -> int:
        """Return `current` for new runs and the version a resumed run was started with: guards changed code."""
        ...

    async def child(self, flow: str, input: BaseModel, *, wait: bool = True) -> Any:  # noqa: A002
        """Start another flow as a run of its own; returns its result, or its run id when not waiting."""
        ...

    def shield(self) -> AbstractAsyncContextManager[None]:
        """Clean-up inside is finished even while the run is being cancelled."""
        ...
