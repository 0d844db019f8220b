"""What a database looks like to everyone who asks it questions: tables, columns, keys and a few real values.

The SQL server produces a `Schema`, the offline engine links words to it, and prompts show it to a language model.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

Cell = str | int | float | bool | None
Affinity = Literal["integer", "number", "text", "boolean", "date", "time", "other"]


# Frozen, and so hashable: linkers keep what they derive from a schema.


class ForeignKey(BaseModel, frozen=True, extra="forbid"):
    """`column` of the owning table refers to `table.references`."""

    column: str
    table: str
    references: str


class Column(BaseModel, frozen=True, extra="forbid"):
    """A column, with enough real values to link words to it.

    `values` holds every distinct value when `complete` (low-cardinality text), otherwise a few samples.
    """

    name: str
    type: str = Field(description="The type as the engine declares it, e.g. NVARCHAR(120).")
    affinity: Affinity = "other"
    nullable: bool = True
    distinct: int | None = None
    values: tuple[Cell, ...] = ()
    complete: bool = False
    description: str | None = None
    synonyms: tuple[str, ...] | None = None


class Metric(BaseModel, frozen=True, extra="forbid"):
    """A number with an agreed definition: `MEASURE(name)` in a query stands for it."""

    name: str
    description: str | None = None
    synonyms: tuple[str, ...] | None = None


class Table(BaseModel, frozen=True, extra="forbid"):
    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    rows: int | None = None
    description: str = ""
    synonyms: tuple[str, ...] | None = None
    metrics: tuple[Metric, ...] | None = None


class Schema(BaseModel, frozen=True, extra="forbid"):
    """All tables a question may touch. `dialect` is a sqlglot dialect name."""

    database: str
    dialect: Literal["sqlite", "duckdb", "postgres"] = "sqlite"
    tables: tuple[Table, ...]
