"""What the provider tools take and give; light, because every process that serves the tools imports it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

Practised = Literal["openai", "openai-chat", "anthropic", "google"]
Kind = Literal["rate_limit", "server_error", "unreadable", "breaks_off", "overflow", "filter", "key"]


class Rung(BaseModel):
    name: str
    model: str = Field(description="What it would answer with, as --model takes it.")
    available: bool
    reason: str = Field(description="Why it is there, or what it lacks.")


class Rungs(BaseModel):
    rungs: list[Rung] = Field(description="In the order in which they are tried.")


class Price(BaseModel):
    model: str
    name: str
    input: float = Field(description="US dollars for a million tokens.")
    output: float = Field(description="US dollars for a million tokens.")
    context: int | None = Field(default=None, description="Tokens that it reads at most, where that is known.")


class PriceList(BaseModel):
    provider: str
    prices: list[Price] = Field(description="The cheapest input first.")
    more: int = Field(description="Models that fit but are not listed.")


class Cost(BaseModel):
    model: str
    dollars: float | None = Field(default=None, description="One request, in US dollars, where a price is known.")
    all_dollars: float | None = Field(default=None, description="All requests.")
    batch_dollars: float | None = Field(default=None, description="All of them at the batch price, where one is known.")
    note: str = ""


class Costs(BaseModel):
    input_tokens: int
    output_tokens: int
    estimated: bool = Field(description="The input was counted at a token for three bytes, which is rather too many.")
    costs: list[Cost] = Field(description="The cheapest first; what has no price comes last.")


class Answer(BaseModel):
    """What one model, or one chain of them, made of the task."""

    asked: str
    model: str = Field(default="", description="Who answered.")
    after: list[str] = Field(default=[], description="Who was asked before and failed, in order.")
    text: str = ""
    kept: str = Field(default="", description="exact or semantic, where the answer was a kept one.")
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    dollars: float | None = Field(default=None, description="None where no price is known.")
    first_ms: float = Field(default=0, description="Until the first piece of the answer.")
    latency_ms: float = 0
    error: str = ""
    next_step: str = ""


class Compared(BaseModel):
    answers: list[Answer]
    dollars: float = Field(description="What all answers cost together, as far as prices are known.")


class PracticeFault(BaseModel):
    """Something that goes wrong at a practice provider."""

    provider: Practised = Field(description="Where it goes wrong.")
    kind: Kind = Field(description="What goes wrong.")
    times: int = Field(default=1, ge=1, le=100, description="For how many requests.")


class Sent(BaseModel):
    """A request as it arrived at the practice provider."""

    provider: Practised
    path: str
    fields: list[str] = Field(description="Of the request's body.")
    instructions_at: str = Field(description="Where this wire carries the instructions.")
    status: int = Field(description="What it was answered with.")


class Practice(BaseModel):
    answers: list[Answer]
    requests: list[Sent] = Field(description="In the order in which they arrived.")
    dollars: float = Field(description="What the answers would have cost, at the published prices.")
