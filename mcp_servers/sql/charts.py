"""A chart for a result: which one its columns suggest, as a Vega-Lite 5 specification with the rows inside.

After the effectiveness ranking of Mackinlay (1986) as Vega-Lite's own recommenders use it: position before colour,
time and order on the x axis, long names on the y axis.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lyceum.errors import ModelRetry
from lyceum.tables import Cell
from mcp_servers.vega import png_of

Kind = Literal["line", "bar", "point", "histogram", "heatmap"]
MOST_BARS = 60
MOST_COLOURS = 12
MANY_BARS = 8  # from which on bars lie, so that their names can be read
_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?([ T]\d{2}:\d{2}.*)?")

# Set at one in each: the library draws for the screens of 1996 otherwise.
_CONFIG = {"view": {"stroke": None}, "axis": {"grid": False, "labelLimit": 240}, "bar": {"cornerRadiusEnd": 2}}


@dataclass(frozen=True)
class Field:
    """A column of a result as a chart sees it; `key` is its plain name in the data."""

    key: str
    title: str
    kind: Literal["time", "number", "name"]
    distinct: int


def suggest(columns: Sequence[str], rows: Sequence[Sequence[Cell]], kind: Kind | None = None) -> dict[str, Any] | None:
    """Return a specification for a result, or None where a table says it better: one row, no number, too many names."""
    fields = [_field(n, title, [row[n] for row in rows]) for n, title in enumerate(columns)]
    if len(rows) < 2:
        return None
    chosen = _choose(fields, kind)
    if chosen is None:
        return None
    mark, encoding = chosen
    used = [field for field in fields if any(field.key == part.get("field") for part in encoding.values())]
    values = [{field.key: row[int(field.key[1:])] for field in used} for row in rows]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 480,
        "data": {"values": values},
        "mark": mark,
        "encoding": encoding,
        "config": _CONFIG,
    }


def _choose(fields: list[Field], kind: Kind | None) -> tuple[dict[str, Any], dict[str, Any]] | None:
    times = [field for field in fields if field.kind == "time"]
    # A year is a time for an axis; an identifier is neither a number to compare nor a name to read.
    numbers = [field for field in fields if field.kind == "number" and not _is_key(field)]
    names = [field for field in fields if field.kind == "name"]
    colour = next((field for field in names if 1 < field.distinct <= MOST_COLOURS), None)
    if not numbers:
        return None
    if kind == "histogram" or (kind is None and not times and not names and len(numbers) == 1):
        return {"type": "bar"}, {
            "x": {**_axis(numbers[0]), "bin": True},
            "y": {"aggregate": "count", "title": "rows", "type": "quantitative"},
        }
    if times and kind in (None, "line", "bar"):
        encoding = {"x": _axis(times[0]), "y": _axis(numbers[0])}
        return {"type": kind or "line", "point": (kind or "line") == "line"}, _coloured(encoding, colour)
    if kind == "heatmap" or (kind is None and len(names) > 1 and colour is None):
        if len(names) < 2 or max(field.distinct for field in names[:2]) > MOST_BARS:
            return None
        return {"type": "rect"}, {"x": _axis(names[0]), "y": _axis(names[1]), "color": _axis(numbers[0])}
    if names and kind in (None, "bar"):
        return _bars(names, numbers[0])
    if len(numbers) > 1 and kind in (None, "point"):
        return {"type": "point", "tooltip": True}, _coloured({"x": _axis(numbers[0]), "y": _axis(numbers[1])}, colour)
    return None


def _bars(names: list[Field], number: Field) -> tuple[dict[str, Any], dict[str, Any]] | None:
    group = max(names[:2], key=lambda field: field.distinct)
    colour = next((field for field in names[:2] if field is not group and 1 < field.distinct <= MOST_COLOURS), None)
    if group.distinct > MOST_BARS:
        return None
    name_axis = {**_axis(group), "sort": None if colour else ("-x" if group.distinct > MANY_BARS else "-y")}
    if group.distinct > MANY_BARS:
        return {"type": "bar"}, _coloured({"y": name_axis, "x": _axis(number)}, colour)
    return {"type": "bar"}, _coloured({"x": {**name_axis, "axis": {"labelAngle": 0}}, "y": _axis(number)}, colour)


def _coloured(encoding: dict[str, Any], colour: Field | None) -> dict[str, Any]:
    return {**encoding, "color": _axis(colour)} if colour else encoding


def _axis(field: Field) -> dict[str, Any]:
    kinds = {"time": "temporal", "number": "quantitative", "name": "nominal"}
    return {"field": field.key, "type": kinds[field.kind], "title": field.title}


def _field(place: int, title: str, cells: list[Cell]) -> Field:
    filled = [cell for cell in cells if cell is not None]
    if filled and all(isinstance(cell, (int, float)) and not isinstance(cell, bool) for cell in filled):
        kind = "number"
    elif filled and all(isinstance(cell, str) and _DATE.fullmatch(cell) for cell in filled):
        kind = "time"
    else:
        kind = "name"
    return Field(f"c{place}", title, kind, len(set(filled)))


def _is_key(field: Field) -> bool:
    return re.search(r"(^|_)id$|[a-z]Id$", field.title) is not None


def chart(
    columns: Sequence[str], rows: Sequence[Sequence[Cell]], kind: Kind | None
) -> tuple[dict[str, Any], bytes | None]:
    """Return a specification and its PNG, None without the `charts` extra; raises ModelRetry where nothing suits."""
    spec = suggest(columns, rows, kind)
    if spec is None:
        raise ModelRetry(
            f"{'A ' + kind + ' chart' if kind else 'No chart'} {'does not suit' if kind else 'suits'} this result "
            f"({len(rows)} rows of {', '.join(columns)}).",
            next_step=f"Send a query with at least two rows, a column of numbers and at most {MOST_BARS} names.",
        )
    return spec, png_of(spec)
