"""Charts of a table as Vega-Lite specifications, and as pictures where the `charts` extra is installed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from lyceum.errors import ModelRetry
from mcp_servers.basics.tables import Aggregate, ChartKind, Table, is_missing, kind_of, number_of

MOST_POINTS = 5_000
MOST_BARS = 60


def spec_for(
    table: Table, kind: ChartKind, x: str, y: str = "", aggregate: Aggregate = "none", title: str = ""
) -> dict[str, Any]:
    """Return a Vega-Lite 5 specification with its data inside; raises ModelRetry where columns do not suit the kind."""
    data, encoding, mark = _drawn(table, kind, x, y, aggregate)
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        **({"title": title} if title else {}),
        "width": 480,
        "height": 300,
        "data": {"values": data},
        "mark": mark,
        "encoding": encoding,
    }


def _drawn(
    table: Table, kind: ChartKind, x: str, y: str, aggregate: Aggregate
) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    if kind == "histogram":
        values = [{x: number} for number in _numbers(table, x)]
        encoding = {
            "x": {"field": _field(x), "bin": {"maxbins": _bins(len(values))}, "type": "quantitative", "title": x},
            "y": {"aggregate": "count", "type": "quantitative", "title": "count"},
        }
        return _bounded(values), encoding, {"type": "bar", "tooltip": True}
    if kind == "bar":
        return _bars(table, x, y, aggregate)
    if not y:
        raise ModelRetry(f"A {kind} chart needs a column for y.", next_step=f"Send one of: {', '.join(table.names)}.")
    _numbers(table, y)  # refuses a column that holds none
    across = kind_of(table.column(x))
    if kind == "scatter" and across not in ("integer", "number"):
        raise ModelRetry(f"{x!r} holds no numbers.", next_step="Send two columns of numbers, or draw bars.")
    points = [
        {x: number_of(first) if across in ("integer", "number") else first, y: number_of(second)}
        for first, second in zip(table.column(x), table.column(y), strict=True)
        if not (is_missing(first) or is_missing(second))
    ]
    if kind == "line":
        points.sort(key=lambda point: str(point[x]) if across == "text" else point[x])
    types = {"integer": "quantitative", "number": "quantitative", "date": "temporal"}
    encoding = {
        "x": {"field": _field(x), "type": types.get(across, "ordinal"), "title": x, "scale": {"zero": False}},
        "y": {"field": _field(y), "type": "quantitative", "title": y, "scale": {"zero": False}},
    }
    if across in ("date", "text", "boolean"):
        del encoding["x"]["scale"]
    mark = {"type": "line", "point": len(points) <= 60} if kind == "line" else {"type": "point"}
    return _bounded(points), encoding, {**mark, "tooltip": True}


def _bars(
    table: Table, x: str, y: str, aggregate: Aggregate
) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    groups: dict[str, list[float]] = defaultdict(list)
    names = table.column(x)
    if y:
        _numbers(table, y)
        for name, cell in zip(names, table.column(y), strict=True):
            if not is_missing(cell):
                groups[name].append(number_of(cell))
        if aggregate == "none" and any(len(values) > 1 for values in groups.values()):
            raise ModelRetry(
                f"{x!r} has several rows a value.", next_step="Send an aggregate: sum, mean, median or count."
            )
    else:
        for name in names:
            groups[name].append(1.0)
        aggregate = "count"
    if len(groups) > MOST_BARS:
        raise ModelRetry(f"{x!r} has {len(groups)} values.", next_step=f"Choose a column of at most {MOST_BARS}.")
    label = f"{aggregate} of {y}" if y and aggregate != "none" else y or "count"
    bars = [{x: name, label: _aggregated(values, aggregate)} for name, values in groups.items()]
    encoding = {
        "x": {"field": _field(x), "type": "nominal", "title": x, "sort": "-y"},
        "y": {"field": _field(label), "type": "quantitative", "title": label},
    }
    return bars, encoding, {"type": "bar", "tooltip": True}


def _aggregated(values: Sequence[float], aggregate: Aggregate) -> float:
    match aggregate:
        case "count":
            return len(values)
        case "mean":
            return math.fsum(values) / len(values)
        case "median":
            ordered, half = sorted(values), len(values) // 2
            return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
        case "min":
            return min(values)
        case "max":
            return max(values)
        case _:
            return math.fsum(values)


def _numbers(table: Table, name: str) -> list[float]:
    cells = table.column(name)
    if kind_of(cells) not in ("integer", "number"):
        of_numbers = [each for each in table.names if kind_of(table.column(each)) in ("integer", "number")]
        raise ModelRetry(
            f"{name!r} holds no numbers.", next_step=f"Columns of numbers: {', '.join(of_numbers) or 'none'}."
        )
    return [number_of(cell) for cell in cells if not is_missing(cell)]


def _bounded(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(points) > MOST_POINTS:
        raise ModelRetry(
            f"{len(points):,} points are too many to draw.",
            next_step=f"Send at most {MOST_POINTS:,} rows, or draw bars.",
        )
    return points


def _bins(count: int) -> int:
    """Sturges' rule, within what a reader can tell apart."""
    return max(5, min(40, math.ceil(math.log2(max(count, 1))) + 1 + count // 50))


def _field(name: str) -> str:
    """Dots and brackets in a field's name lead into objects unless they are escaped."""
    return name.replace("\\", "\\\\").replace(".", "\\.").replace("[", "\\[").replace("]", "\\]")
