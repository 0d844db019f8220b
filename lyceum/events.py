"""What happened in a run, version 1: an append-only list of these, owned by the run store.

Terminal, web page, APIs and evals are projections of this list. A field may be added; none changes its meaning.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from lyceum.sources import Claim, Source

RunStatus = Literal["queued", "running", "waiting", "done", "failed", "cancelled", "limit"]


class _Event(BaseModel):
    """`seq` counts from 1 within a run; `branch` is the parallel branch ("" for the trunk, else "0/1")."""

    model_config = ConfigDict(extra="forbid")

    v: Literal[1] = 1
    run: str = ""
    seq: int = 0
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    branch: str = ""
    agent: str | None = None


class Forked(BaseModel):
    """Where a forked run begins: `kept` events of the other run follow, which had lain `idle` so many seconds."""

    run: str
    step: str
    kept: int = 0
    idle: float = 0.0


class RunStarted(_Event):
    kind: Literal["run_started"] = "run_started"
    flow: str
    thread: str
    input: Any
    forked: Forked | None = None


class Routed(_Event):
    """Who takes the request, and why."""

    kind: Literal["routed"] = "routed"
    role: str
    reason: str


class PlannedStep(BaseModel):
    id: str
    role: str
    task: str
    needs: list[str] = []


class PlanMade(_Event):
    kind: Literal["plan_made"] = "plan_made"
    steps: list[PlannedStep]
    replan: bool = False


class StepStarted(_Event):
    kind: Literal["step_started"] = "step_started"
    step: str
    role: str
    task: str


class StepFinished(_Event):
    kind: Literal["step_finished"] = "step_finished"
    step: str
    ok: bool
    reason: str = ""


class ModelCalled(_Event):
    """One model request. Tokens as the provider counts them; `cost` in US dollars, None where no price is known.

    `after` are the models that were asked before and failed; `kept` says that the answer came from our own cache, for
    the very same request or for one that means the same; `estimated`: it broke off before the provider had counted.
    """

    kind: Literal["model_called"] = "model_called"
    model: str
    provider: str = ""
    after: list[str] = []
    kept: Literal["", "exact", "semantic"] = ""
    estimated: bool = False
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: float | None = None
    latency_ms: float = 0.0


class ToolCalled(_Event):
    kind: Literal["tool_called"] = "tool_called"
    call: str
    server: str
    tool: str
    arguments: dict[str, Any]


class ToolReturned(_Event):
    """The end of a `ToolCalled` with the same `call`; the result itself stays in the journal, here is its hash."""

    kind: Literal["tool_returned"] = "tool_returned"
    call: str
    server: str
    tool: str
    ok: bool
    result_hash: str
    preview: str = ""
    latency_ms: float = 0.0
    sources: list[str] = []


class SourceFound(_Event):
    kind: Literal["source_found"] = "source_found"
    source: Source


class ApprovalAsked(_Event):
    kind: Literal["approval_asked"] = "approval_asked"
    approval: str
    title: str
    request: dict[str, Any]


class ApprovalDecided(_Event):
    kind: Literal["approval_decided"] = "approval_decided"
    approval: str
    approved: bool
    reason: str = ""
    by: str = ""


class TextDelta(_Event):
    """Text as it streams. Stored only for a model call that was cut off: the finished text is in `Answered`."""

    kind: Literal["text_delta"] = "text_delta"
    text: str


class Note(_Event):
    """Something a reader should know: a dropped citation, a repaired query, a degraded service."""

    kind: Literal["note"] = "note"
    text: str
    level: Literal["info", "warning"] = "info"


class Answered(_Event):
    """What the user gets. `output` is the role's typed output; `declined`: no answer was found, and why is said.

    `models` are those that worked on it, in the order in which they first answered.
    """

    kind: Literal["answered"] = "answered"
    role: str
    text: str
    claims: list[Claim] = []
    sources: list[Source] = []
    output: Any = None
    declined: bool = False
    next_action: str = ""
    models: list[str] = []


class RunFinished(_Event):
    kind: Literal["run_finished"] = "run_finished"
    status: RunStatus
    error: str = ""
    next_step: str = ""


Event = Annotated[
    RunStarted
    | Routed
    | PlanMade
    | StepStarted
    | StepFinished
    | ModelCalled
    | ToolCalled
    | ToolReturned
    | SourceFound
    | ApprovalAsked
    | ApprovalDecided
    | TextDelta
    | Note
    | Answered
    | RunFinished,
    Field(discriminator="kind"),
]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def result_hash(result: object) -> str:
    """Return the SHA-256 of a tool's result as canonical JSON (sorted keys, no spaces)."""
    canonical = json.dumps(result, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
