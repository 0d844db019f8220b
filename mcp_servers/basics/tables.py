"""A table given as CSV text: its columns by type, what is missing, how values are spread, which lie far out."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from lyceum.errors import ModelRetry, nearest

MOST_ROWS = 200_000
MOST_COLUMNS = 200
LARGEST = 20 * 1024 * 1024  # bytes
MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "-"))
TOP = 5
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?%?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[-+]\d{2}:?\d{2})?)?")
_BOOLEAN = frozenset(("true", "false", "yes", "no"))

ChartKind = Literal["histogram", "line", "bar", "scatter"]
Aggregate = Literal["none", "count", "sum", "mean", "median", "min", "max"]
Kind = Literal["integer", "number", "date", "boolean", "text", "empty"]


class Spread(BaseModel):
    """How the numbers of a column lie; quartiles are interpolated, the deviation is the sample's."""

    mean: float
    deviation: float
    minimum: float
    lower_quartile: float
    median: float
    upper_quartile: float
    maximum: float
    outliers: int = Field(description="Values more than 1.5 interquartile ranges beyond the quartiles.")
    outlier_values: list[float] = Field(description="The farthest of them.")


class Column(BaseModel):
    name: str
    kind: Kind
    missing: int
    distinct: int
    top: list[tuple[str, int]] = Field(description="The most frequent values, each with its count.")
    spread: Spread | None = Field(default=None, description="For columns of numbers.")
    earliest: str = Field(default="", description="For columns of dates.")
    latest: str = ""
    note: str = ""


class Description(BaseModel):
    rows: int
    columns: list[Column]
    duplicate_rows: int
    text: str = Field(description="The main findings in sentences.")


@dataclass(frozen=True)
class Table:
    names: Sequence[str]
    rows: Sequence[Sequence[str]]

    def column(self, name: str) -> list[str]:
        """Return a column's cells; raises ModelRetry with the nearest name for an unknown one."""
        if name not in self.names:
            raise ModelRetry(f"There is no column {name!r}.", next_step=nearest(name, self.names, what="columns"))
        place = list(self.names).index(name)
        return [row[place] for row in self.rows]


def read_table(text: str) -> Table:
    """Read CSV with a header; comma, semicolon, tab and pipe are told apart. Raises ModelRetry naming a bad line."""
    text = text.removeprefix("﻿")
    if not text.strip():
        raise ModelRetry("The table is empty.", next_step="Send CSV with a header line.")
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t|", key=lambda each: (first.count(each), each == ","))
    try:
        lines = [line for line in csv.reader(io.StringIO(text), delimiter=delimiter) if line]
    except csv.Error as error:
        raise ModelRetry(f"The CSV cannot be read: {error}.", next_step="Check its quotes.") from None
    names = [name.strip() or f"column {place}" for place, name in enumerate(lines[0], 1)]
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise ModelRetry(f"Two columns are called {twice!r}.", next_step="Give each column a name of its own.")
    if len(names) > MOST_COLUMNS or len(lines) - 1 > MOST_ROWS:
        raise ModelRetry(f"The table is larger than {MOST_ROWS:,} rows by {MOST_COLUMNS}.", next_step="Send a part.")
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(names):
            raise ModelRetry(
                f"Line {number} has {len(line)} cells, the header has {len(names)}.",
                next_step="Quote cells that hold the separator.",
            )
    return Table(names, [[cell.strip() for cell in line] for line in lines[1:]])


def is_missing(cell: str) -> bool:
    return cell.lower() in MISSING


def number_of(cell: str) -> float:
    """Return a cell as a number; raises ValueError where it is none. A percentage keeps its digits."""
    if not re.search(r"\d", cell) or not _NUMBER.fullmatch(cell):
        raise ValueError(cell)
    return float(cell.replace(",", "").rstrip("%"))


def kind_of(cells: Sequence[str]) -> Kind:
    """Return what every present cell of a column is."""
    present = [cell for cell in cells if not is_missing(cell)]
    if not present:
        return "empty"
    if all(_is_number(cell) for cell in present):
        return "integer" if all(re.fullmatch(r"[-+]?[\d,]+", cell) for cell in present) else "number"
    if all(_is_date(cell) for cell in present):
        return "date"
    return "boolean" if all(cell.lower() in _BOOLEAN for cell in present) else "text"


def _is_number(cell: str) -> bool:
    return bool(re.search(r"\d", cell) and _NUMBER.fullmatch(cell))


def _is_date(cell: str) -> bool:
    if not _DATE.fullmatch(cell):
        return False
    try:
        date.fromisoformat(cell[:10])
    except ValueError:
        return False
    return True


def describe(table: Table) -> Description:
    columns = [_described(name, table.column(name)) for name in table.names]
    repeated = len(table.rows) - len({tuple(row) for row in table.rows})
    return Description(
        rows=len(table.rows), columns=columns, duplicate_rows=repeated, text=_said(len(table.rows), columns, repeated)
    )


def _described(name: str, cells: list[str]) -> Column:
    present = [cell for cell in cells if not is_missing(cell)]
    kind = kind_of(cells)
    counted = Counter(present)
    column = Column(
        name=name, kind=kind, missing=len(cells) - len(present), distinct=len(counted), top=counted.most_common(TOP)
    )
    if kind in ("integer", "number"):
        column.spread = _spread([number_of(cell) for cell in present])
    elif kind == "date":
        column.earliest, column.latest = min(present), max(present)
    elif kind == "text":
        bad = [cell for cell in present if not _is_number(cell)]
        if len(bad) <= max(1, len(present) // 20) and len(present) > 2:
            column.note = f"All but {len(bad)} of its values are numbers; the first that is none: {bad[0][:40]!r}."
    return column


def _spread(numbers: list[float]) -> Spread:
    import numpy as np

    values = np.array(numbers)
    low, lower, middle, upper, high = (float(each) for each in np.percentile(values, [0, 25, 50, 75, 100]))
    reach = 1.5 * (upper - lower)
    far = values[(values < lower - reach) | (values > upper + reach)]
    farthest = sorted((float(each) for each in far), key=lambda each: -abs(each - middle))[:TOP]
    return Spread(
        mean=_tidy(float(values.mean())),
        deviation=_tidy(float(values.std(ddof=1))) if len(values) > 1 else 0.0,
        minimum=low,
        lower_quartile=_tidy(lower),
        median=_tidy(middle),
        upper_quartile=_tidy(upper),
        maximum=high,
        outliers=len(far),
        outlier_values=farthest,
    )


def _tidy(value: float) -> float:
    return float(f"{value:.10g}")


def _said(rows: int, columns: Sequence[Column], repeated: int) -> str:
    lines = [f"{rows:,} rows, {len(columns)} columns."]
    for column in columns:
        said = f"{column.name}: {column.kind}"
        if column.spread:
            spread = column.spread
            said += f", {spread.minimum:g} to {spread.maximum:g}, mean {spread.mean:g}, median {spread.median:g}"
            if spread.outliers:
                said += (
                    f", {spread.outliers} outlier{'s' if spread.outliers > 1 else ''} ({spread.outlier_values[0]:g})"
                )
        elif column.kind == "date":
            said += f", {column.earliest} to {column.latest}"
        else:
            said += f", {column.distinct} distinct"
        said += f", {column.missing} missing" if column.missing else ""
        lines.append(f"{said}.{f' {column.note}' if column.note else ''}")
    if repeated:
        lines.append(f"{repeated} rows repeat others.")
    return "\n".join(lines)
