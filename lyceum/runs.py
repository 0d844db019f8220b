"""Threads, runs, approvals and the run store's contract, version 1.

A thread is a conversation of runs; a run is one execution of a flow and an append-only list of events.
The store owns history and approvals: a client can only ask it, never send its own version of either.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, Field

from lyceum.events import Event, RunStatus

EventT = TypeVar("EventT", bound=BaseModel)

ENDED: frozenset[RunStatus] = frozenset({"done", "failed", "cancelled", "limit"})


class Attachment(BaseModel):
    """Something a thread may use: a retrieval collection, a database or a workspace, by the name its server gave it.

    `problems` names files that could not be read, and why; the rest was kept.
    """

    kind: Literal["collection", "database", "workspace"]
    name: str
    uri: str
    problems: list[str] = []


class Thread(BaseModel):
    id: str
    title: str
    created: datetime
    attachments: list[Attachment] = []


class Run(BaseModel):
    """`result` is what the flow returned; `history` (inside it) is the flow's own business.

    `engine` is where it runs: a run is never driven by an engine that did not start it.
    """

    id: str
    thread: str
    flow: str
    input: Any
    status: RunStatus
    created: datetime
    parent: str | None = None
    result: Any = None
    error: str = ""
    engine: str = "journal"


class Decision(BaseModel):
    """An answer to an approval; `edited` replaces the proposed arguments when the asker allows it."""

    approved: bool
    reason: str = ""
    edited: dict[str, Any] | None = None
    by: str = "user"
    always: bool = Field(default=False, description="Allow this tool for the rest of the thread.")


class Approval(BaseModel):
    """A question to a person, durable: `id` is unguessable, `key` is its place in the flow.

    `edits` is the JSON schema that an edited answer must fit, where the asker has one.
    """

    id: str
    run: str
    key: str
    title: str
    request: dict[str, Any]
    decision: Decision | None = None
    asked: datetime
    edits: dict[str, Any] | None = None


class Lease(BaseModel):
    """The right to drive a run until it expires; a write with an older `fence` is refused."""

    run: str
    owner: str
    fence: int


class RunStore(Protocol):
    """Everything that must survive a process. Unknown ids raise UserError with the nearest next step."""

    async def create_thread(self, title: str) -> Thread: ...
    async def thread(self, thread: str) -> Thread: ...
    async def threads(self, *, limit: int = 50) -> list[Thread]: ...
    async def rename_thread(self, thread: str, title: str) -> None: ...
    async def attach(self, thread: str, attachments: Sequence[Attachment]) -> Thread: ...

    async def create_run(
        self,
        thread: str,
        flow: str,
        input: Any,  # noqa: A002
        *,
        parent: str | None = None,
        engine: str = "journal",
        run: str | None = None,
    ) -> Run:
        """Return a new run; with an id of the caller's own in `run`, the one that has it already."""
        ...

    async def run(self, run: str) -> Run: ...
    async def runs(
        self, *, thread: str | None = None, status: Sequence[RunStatus] = (), limit: int = 50
    ) -> list[Run]: ...
    async def set_status(
        self, run: str, status: RunStatus, *, result: Any = None, error: str = "", fence: int | None = None
    ) -> None: ...

    async def append(self, run: str, event: EventT, *, once: str | None = None, fence: int | None = None) -> EventT:
        """Give the event its `seq` and keep it; with `once`, a second append under the same key returns the first.

        With `fence`, a writer whose lease was taken over is refused.
        """
        ...

    async def events(self, run: str, *, after: int = 0) -> list[Event]: ...

    async def ask(
        self, run: str, key: str, *, title: str, request: dict[str, Any], edits: dict[str, Any] | None = None
    ) -> Approval:
        """Record the question; asking again under the same key returns the same approval, decided or not."""
        ...

    async def approvals(self, *, run: str | None = None, pending: bool = True) -> list[Approval]: ...
    async def decide(self, run: str, approval: str, decision: Decision) -> Approval:
        """Record the decision once; raises UserError when it belongs to another run, is already decided, or was edited
        into what the asker cannot take.
        """
        ...

    async def acquire(self, run: str, owner: str, *, seconds: float = 30.0) -> Lease | None:
        """Return a lease, or None while another owner holds one."""
        ...

    async def renew(self, lease: Lease, *, seconds: float = 30.0) -> bool:
        """Return False when the lease was lost; the holder must then stop."""
        ...

    async def release(self, lease: Lease) -> None: ...

    async def holder(self, run: str) -> str | None:
        """Return who drives a run now (host:process:...), or None."""
        ...


class Jobs(Protocol):
    """How a tool server or a face starts and steers long work without importing workflows."""

    async def submit(self, flow: str, input: Any, *, thread: str | None = None) -> str:  # noqa: A002
        """Return the id of a queued run that a worker picks up."""
        ...

    def watch(self, run: str, *, after: int = 0) -> AsyncIterator[Event]:
        """Yield events after a sequence number, then the ones to come, until the run ends or waits."""
        ...

    async def decide(self, run: str, approval: str, decision: Decision) -> None: ...

    async def send(self, run: str, channel: str, text: str) -> None:
        """Leave a note that the run takes up at its next step; raises UserError where it has ended."""
        ...

    async def cancel(self, run: str) -> None: ...
