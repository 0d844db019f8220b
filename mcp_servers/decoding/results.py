"""What the decoding tools take and give; light, because every process that serves the tools imports it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lyceum.artifacts import Artifact

_RARE = ("min_p", "typical_p", "repetition_penalty", "mirostat_tau", "beams", "length_penalty", "seed")


def _listed(schema: dict[str, Any]) -> None:
    """List the rarer settings by name, in the description: twelve bounded ones would take 500 tokens of each tool."""
    settings = schema["properties"]
    schema["properties"] = {
        name: {key: value for key, value in each.items() if key != "default"}
        for name, each in settings.items()
        if name not in _RARE
    }
    schema["additionalProperties"] = {"type": "number", "minimum": 0, "maximum": 2**32 - 1}


class Method(BaseModel):
    """Rarer settings: min_p (share of the likeliest), typical_p, repetition_penalty (from 1), mirostat_tau (bits),
    beams, length_penalty (0 favours the short), seed. Order: penalty, temperature, top_k, typical_p, top_p, min_p.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra=_listed)

    name: str = Field(default="", description="Told in the answer.", max_length=40)
    kind: Literal["sample", "greedy", "beam"] = "sample"
    temperature: float = Field(default=1.0, ge=0, le=10, description="0 takes the likeliest.")
    top_k: int = Field(default=0, ge=0, le=10_000, description="Keep so many; 0 keeps all.")
    top_p: float = Field(default=1.0, ge=0.01, le=1, description="Keep the nucleus of this probability.")
    min_p: float = Field(default=0.0, ge=0, le=1)
    typical_p: float = Field(default=1.0, ge=0.01, le=1)
    repetition_penalty: float = Field(default=1.0, ge=1, le=10)
    mirostat_tau: float = Field(default=0.0, ge=0, le=20)
    beams: int = Field(default=4, ge=1, le=16)
    length_penalty: float = Field(default=1.0, ge=0, le=3)
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
