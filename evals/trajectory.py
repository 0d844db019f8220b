"""What an agent did, step by step: the one form in which every agent's work is scored, ours or anybody's.

It is recorded from our event log, from PydanticAI messages, from OpenTelemetry spans, or written as plain JSON
(`docs/trajectory.schema.json`), see `evals/recording`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

_PREVIEW = 300  # characters

StepKind = Literal["model", "tool", "handoff", "approval"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Step(_Strict):
    """One thing that happened. Tokens as the provider counts them, `cost` in US dollars, `latency_ms` in ms."""

    kind: StepKind
    tool: str = Field(default="", description="The tool called, the agent handed to, or the model asked.")
    server: str = Field(default="", description="The tool server, where the tool belongs to one.")
    agent: str = Field(default="", description="Which agent did it; empty where there is only one.")
    call: str = Field(default="", description="The id of the call, where it has one.")
    arguments: dict[str, JsonValue] = {}
    ok: bool | None = Field(default=None, description="Whether it succeeded; for an approval, whether it was given.")
    result_hash: str = Field(default="", description="SHA-256 of the result as canonical JSON.")
    result: str = Field(default="", description="The result, or its beginning, as text.")
    group: str = Field(default="", description="Calls of one message share it: none of them saw another's result.")
    branch: str = Field(
        default="",
        description="Where in a fork it ran, as FORK.ARM/FORK.ARM: arms of one fork run at the same time, "
        "forks of different names one after the other.",
    )
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    latency_ms: float = 0.0
    labels: dict[str, str] = {}

    @property
    def name(self) -> str:
        """The step as a person names it: who did it, and what."""
        what = f"{self.server}.{self.tool}" if self.server else self.tool
        what = what if self.kind == "tool" else f"{self.kind} {what}".rstrip()
        return f"{self.agent}: {what}" if self.agent else what


class Totals(_Strict):
    """What a trajectory used. `cost` is None where any model's price is unknown; `loops` is the most often that one
    call was made with the very same arguments.
    """

    calls: int
    model_calls: int
    tokens: int
    cost: float | None
    seconds: float
    loops: int


class Trajectory(_Strict):
    """Steps in the order in which they began, and what came of them; `case` names the case they answer."""

    v: Literal[1] = 1
    case: str = ""
    input: str = ""
    answer: str = ""
    output: JsonValue = None
    declined: bool = False
    error: str | None = None
    seconds: float = 0.0
    steps: list[Step] = []
    labels: dict[str, str] = {}

    @property
    def calls(self) -> list[Step]:
        return [step for step in self.steps if step.kind == "tool"]

    @property
    def totals(self) -> Totals:
        models = [step for step in self.steps if step.kind == "model"]
        same = Counter((step.server, step.tool, json.dumps(step.arguments, sort_keys=True)) for step in self.calls)
        costs = [step.cost for step in models]
        return Totals(
            calls=len(self.calls),
            model_calls=len(models),
            tokens=sum(step.input_tokens + step.output_tokens for step in self.steps),
            cost=None if None in costs else sum(cost for cost in costs if cost is not None),
            seconds=self.seconds or sum(step.latency_ms for step in self.steps) / 1000,
            loops=max(same.values(), default=0),
        )


def preview(result: object) -> str:
    """Return the beginning of a result, as text, which a step keeps beside the hash of the whole."""
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    return text[:_PREVIEW]


def apart(left: Step, right: Step) -> bool:
    """Tell whether neither step could know the other's result: calls of one message, or arms of one fork."""
    if left.group and left.group == right.group:
        return True
    for one, other in zip(left.branch.split("/"), right.branch.split("/"), strict=False):
        if one != other:
            fork, _, arm = one.rpartition(".")
            other_fork, _, other_arm = other.rpartition(".")
            return fork == other_fork and arm != other_arm and bool(arm) and bool(other_arm)
    return False


def earlier(steps: list[Step]) -> list[int]:
    """Return for each step the set of steps that were over before it, as a bit mask; transitively closed."""
    if not any(step.branch for step in steps):
        return _earlier_in_line(steps)
    known: list[int] = []
    for place, step in enumerate(steps):
        mask = 0
        for before in range(place - 1, -1, -1):
            if not mask >> before & 1 and not apart(steps[before], step):
                mask |= 1 << before | known[before]
        known.append(mask)
    return known


def _earlier_in_line(steps: list[Step]) -> list[int]:
    """Without forks a step follows everything that began before its own message."""
    known: list[int] = []
    first: dict[str, int] = {}
    for place, step in enumerate(steps):
        start = first.setdefault(step.group, place) if step.group else place
        known.append((1 << start) - 1)
    return known


def members(mask: int) -> Iterator[int]:
    """Yield the places of a bit mask, ascending."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def schema() -> dict[str, Any]:
    """Return the JSON schema of a trajectory, as published in `docs/trajectory.schema.json`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Trajectory.model_json_schema(),
        "title": "Lyceum trajectory, version 1",
    }
