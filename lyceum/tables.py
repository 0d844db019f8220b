"""What a database looks like to everyone who asks it questions: tables, columns, keys and a few real values.

The SQL server produces a `Schema`, the offline engine links words to it, and prompts show it to a language model.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Cell = str | int | float | bool | None
Affinity = Literal["integer", "number", "text", "boolean", "date", "time", "other"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ForeignKey(_Frozen):
    """`column` of the owning table refers to `table.references`."""

    column: str
    table: str
    references: str


class Column(_Frozen):
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


class Table(_Frozen):
    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    rows: int | None = None
    description: str = ""


class Schema(_Frozen):
    """All tables a question may touch. `dialect` is a sqlglot dialect name."""

    database: str
    dialect: Literal["sqlite", "duckdb", "postgres"] = "sqlite"
    tables: tuple[Table, ...]
