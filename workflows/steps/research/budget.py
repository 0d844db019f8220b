"""Budgets of a research run, in all and by stage, and how they are shared so that no order of branches matters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from lyceum.events import ModelCalled, RunStarted, ToolCalled
from workflows.runtime import Runtime

Stage = Literal["search", "follow_up", "write", "verify", "review"]

QUERY_CALLS = 4  # what a question to a database may take: schema, values, a query and one repair
WEB_PAGES = 3  # pages read for one question to the web, beside the search


class Limits(BaseModel):
    """None: no limit of its own. `calls` are calls of tools, `dollars` and `tokens` those of models."""

    model_config = ConfigDict(extra="forbid")

    calls: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    dollars: float | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, gt=0)


class Budget(Limits):
    calls: int | None = Field(default=200, ge=0)
    tokens: int | None = Field(default=400_000, ge=0)
    seconds: float | None = Field(default=900, gt=0)
    stages: dict[Stage, Limits] = {}


class Spent(BaseModel):
    calls: int = 0
    model_calls: int = 0
    tokens: int = 0
    dollars: float = 0.0
    at: datetime | None = None

    def since(self, earlier: Spent) -> Spent:
        return Spent(
            calls=self.calls - earlier.calls,
            model_calls=self.model_calls - earlier.model_calls,
            tokens=self.tokens - earlier.tokens,
            dollars=self.dollars - earlier.dollars,
            at=self.at,
        )


async def spent(runtime: Runtime, run: str, at: datetime) -> Spent:
    """Add up what the run's events say that it used; the time between a run and its fork is none of the fork's."""
    used = Spent(at=at)
    for event in await runtime.store.events(run):
        if isinstance(event, RunStarted) and event.forked is not None:
            used.at = at - timedelta(seconds=event.forked.idle)
        if isinstance(event, ModelCalled):
            used.model_calls += 1
            used.tokens += event.input_tokens + event.output_tokens
            used.dollars += event.cost or 0.0
        elif isinstance(event, ToolCalled):
            used.calls += 1
    return used


def exhausted(limits: Limits, used: Spent, began: datetime, what: str) -> str:
    """Return which limit leaves no room for more, as a reason for people, or an empty string."""
    seconds = (used.at - began).total_seconds() if used.at else 0.0
    if limits.calls is not None and used.calls >= limits.calls:
        return f"{what} used its {limits.calls} calls"
    if limits.tokens is not None and used.tokens >= limits.tokens and used.model_calls and used.tokens:
        return f"{what} used {used.tokens:,} of {limits.tokens:,} tokens"
    if limits.dollars is not None and used.dollars >= limits.dollars and used.dollars:
        return f"{what} used ${used.dollars:.4f} of ${limits.dollars:.4f}"
    if limits.seconds is not None and seconds >= limits.seconds:
        return f"{what} took its {limits.seconds:g} s"
    return ""


def shares(calls: int, wanted: Sequence[int]) -> list[int]:
    """Share calls out, in order, to what each wants: a share is whole or nothing, and is fixed before anybody runs."""
    given: list[int] = []
    for want in wanted:
        share = want if want <= calls else 0
        calls -= share
        given.append(share)
    return given
