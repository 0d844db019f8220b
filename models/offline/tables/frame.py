"""What a question asks for, before it is SQL: what to select, count, group, filter and order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from lyceum.tables import Cell
from models.tables.entries import Candidate

Function = Literal["count", "sum", "avg", "min", "max"]


class Unclear(Exception):
    """A reading does not hold together; the message says why."""


@dataclass(frozen=True)
class Aggregate:
    """`function` over a table (counting its rows), a column or a computed measure, shown divided by `unit`.
    `each`: averaged over groups.
    """

    function: Function
    of: Candidate
    each: bool = False
    unit: float = 1


@dataclass(frozen=True)
class Filter:
    """A condition on a column; comparing with no value means with its average. `through`: a self-reference, the condition is about the row it points to.
    `base`: it narrows what a share is taken of, not the share. `every`: the values were joined by "and".
    """

    of: Candidate
    op: str
    values: tuple[Cell, ...]
    negated: bool = False
    through: str = ""
    base: bool = False
    every: bool = False

    def joined(self, value: Cell, *, every: bool) -> Filter:
        """The same condition with one more value."""
        return replace(self, values=(*self.values, value), every=self.every or every)


@dataclass(frozen=True)
class Period:
    """From the first day `start` to the day `end` after the last; without a column, of the table `near` it."""

    op: str
    start: str
    end: str
    of: Candidate | None = None
    near: str = ""


@dataclass(frozen=True)
class Having:
    aggregate: Aggregate
    op: str
    number: float


@dataclass(frozen=True)
class Order:
    of: Aggregate | Candidate
    descending: bool


@dataclass
class Missing:
    """No row of the last of `tables`, reached through the others, that meets the conditions."""

    tables: list[str]
    filters: list[Filter] = field(default_factory=list[Filter])
    periods: list[Period] = field(default_factory=list[Period])


@dataclass
class Frame:
    select: list[Candidate] = field(default_factory=list[Candidate])
    aggregates: list[Aggregate] = field(default_factory=list[Aggregate])
    group: list[Candidate] = field(default_factory=list[Candidate])
    group_period: str = ""
    filters: list[Filter] = field(default_factory=list[Filter])
    periods: list[Period] = field(default_factory=list[Period])
    having: list[Having] = field(default_factory=list[Having])
    order: Order | None = None
    limit: int | None = None
    anti: list[Missing] = field(default_factory=list["Missing"])
    tables: list[str] = field(default_factory=list[str])
    roles: set[str] = field(default_factory=set[str])
    best_of: Candidate | None = None  # only the rows that come first in their group
    cents: bool = False  # the question says that it wants cents
    distinct: bool = False
    share: bool = False

    def named_tables(self) -> list[str]:
        """Every table the question needs, the one that rows are about first."""
        parts = [*self.aggregates, *(having.aggregate for having in self.having)]
        parts += [self.order.of] if self.order else []
        wanted = [part.of if isinstance(part, Aggregate) else part for part in parts]
        wanted += [
            *self.select,
            *self.group,
            *(each.of for each in self.filters),
            *(each.of for each in self.periods if each.of),
        ]
        return list(
            dict.fromkeys(
                [*(each.table for each in wanted), *self.tables, *(each.other for each in wanted if each.other)]
            )
        )
