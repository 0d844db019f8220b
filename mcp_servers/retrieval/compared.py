"""What a comparison of vector stores, and a pipeline built from nothing, give."""

from __future__ import annotations

from pydantic import BaseModel, Field


class StoreRow(BaseModel):
    """One store over the same passages and questions; milliseconds are of one search, embedding left out."""

    store: str
    build_seconds: float
    vector_recall: float = Field(description="Share of the ten true neighbours that the vector index finds.")
    by_vectors: float = Field(description="Questions with the right passage among the first five, by vectors alone.")
    by_words: float
    hybrid: float = Field(description="The same by both, joined by reciprocal rank.")
    milliseconds: float = Field(description="Of a hybrid search, the median.")
    slowest: float = Field(description="The 95th percentile.")
    megabytes: float = Field(description="On disk, indexes included.")
    operations: list[str] = Field(description="What running it takes.")


class StoreLeftOut(BaseModel):
    store: str
    reason: str


class Stores(BaseModel):
    passages: int
    questions: int
    stores: list[StoreRow]
    left_out: list[StoreLeftOut] = Field(description="What cannot run here, and what would make it run.")


class Answered(BaseModel):
    """One question; `retrieved` and `answered` say whether the text that answers it is in the passages, the answer."""

    question: str
    passages: list[str]
    answer: str
    retrieved: bool
    answered: bool


class Scratch(BaseModel):
    """What every stage made, and how long it took in milliseconds; those of questions are means."""

    chunks: int
    dimensions: int
    milliseconds: dict[str, float]
    prompt: str = Field(description="Of the first question, as a model gets it.")
    answered_by: str
    retrieved: float = Field(description="Share of questions with the answering text among their passages.")
    answered: float = Field(description="Share of questions with it in the answer.")
    answers: list[Answered]
