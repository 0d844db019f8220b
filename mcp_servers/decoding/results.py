"""What the decoding tools take and give; light, because every process that serves the tools imports it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lyceum.artifacts import Artifact


def _listed(schema: dict[str, Any]) -> None:
    """Leave bounds and defaults out of what is listed, for they are half of it; a call beyond them is told of them."""
    for each in schema["properties"].values():
        for told in ("default", "minimum", "maximum", "maxLength"):
            each.pop(told, None)


class Method(BaseModel):
    """Filters apply in this order: penalty, temperature, top-k, typical, top-p, min-p."""

    model_config = ConfigDict(json_schema_extra=_listed)

    name: str = Field(default="", description="Told in the answer.", max_length=40)
    kind: Literal["sample", "greedy", "beam"] = "sample"
    temperature: float = Field(default=1.0, ge=0, le=10, description="0 takes the likeliest.")
    top_k: int = Field(default=0, ge=0, le=10_000, description="Keep so many.")
    top_p: float = Field(default=1.0, ge=0.01, le=1, description="Keep this nucleus.")
    min_p: float = Field(default=0.0, ge=0, le=1, description="Keep this share of the likeliest.")
    typical_p: float = Field(default=1.0, ge=0.01, le=1, description="Keep the typical.")
    repetition_penalty: float = Field(default=1.0, ge=1, le=10, description="From 1, which is none.")
    mirostat_tau: float = Field(default=0.0, ge=0, le=20, description="Surprise to hold, in bits.")
    beams: int = Field(default=4, ge=1, le=16, description="Width of a beam search.")
    length_penalty: float = Field(default=1.0, ge=0, le=3, description="Of beams: 0 favours the short.")
    seed: int = Field(default=0, ge=0, le=2**32 - 1)

    @property
    def label(self) -> str:
        given = [f"{name}={getattr(self, name)}" for name in sorted(self.model_fields_set - {"name", "kind"})]
        return self.name or " ".join([self.kind, *given])


class Model(BaseModel):
    name: str
    kind: str
    tokens: int = Field(default=0, description="Tokens it was trained on.")
    vocabulary: int = 0
    order: int = 0


class Trained(BaseModel):
    model: Model
    perplexity: dict[str, float] = Field(description="By order: on the last tenth of the lines, unseen in training.")


class Models(BaseModel):
    models: list[Model]


class TokenRow(BaseModel):
    token: str
    probabilities: list[float] = Field(description="One each method, in their order; 0 where it is cut off.")


class Warped(BaseModel):
    method: str
    entropy: float = Field(description="Bits.")
    kept: int = Field(description="Tokens that can be drawn.")
    likeliest: float


class Distributions(BaseModel):
    model: str
    covered: float = Field(description="Share of the probability that the tokens told by the model have.")
    methods: list[Warped]
    tokens: list[TokenRow]
    drawing: Artifact


class Step(BaseModel):
    token: str
    probability: float
    kept: int
    entropy: float


class Text(BaseModel):
    """`log_probability` is the model's own (natural logarithm), whatever method drew the text."""

    method: str
    text: str
    tokens: int
    ended: bool
    log_probability: float
    perplexity: float
    distinct_2: float
    repeated: float
    rouge_1: float | None = None
    rouge_2: float | None = None
    rouge_l: float | None = None
    steps: list[Step] = []


class Texts(BaseModel):
    model: str
    texts: list[Text]
