"""What a measurement of searching gives."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Way(BaseModel):
    """One way of searching over all cases; a case counts where a passage carries the answer."""

    name: str
    first: float = Field(description="Share of the cases whose first passage carries the answer.")
    among_five: float = Field(description="Share of the cases with the answer among the first five passages.")
    reciprocal_rank: float = Field(description="Mean of 1 / place of the first passage that carries it, 0 beyond ten.")
    milliseconds: float = Field(description="Median of one search.")
    note: str = ""


class Index(BaseModel):
    """One setting of one vector index, measured against the exact neighbours."""

    kind: str
    setting: str
    recall: float = Field(description="Share of the ten true neighbours that it finds.")
    milliseconds: float = Field(description="Median of one search.")
    megabytes: float = Field(description="Of the index: in memory, or on disk for HNSW.")
    seconds: float = Field(description="Taken to build it.")
