"""Rows as a sentence: what a person reads before the table."""

from __future__ import annotations

from lyceum.sources import Source
from lyceum.tables import Cell

SHOWN = 10


def sentence_for(source: Source, explanation: str) -> str:
    """Say what a query returned: one value, one row, a short list, or the count of a long one."""
    rows = source.rows
    if not rows:
        return f"No rows match. {explanation}".strip()
    if len(rows) == 1:
        row = rows[0]
        if len(row) == 1:
            said = f"**{_cell(row[0])}**"
        else:
            rest = ", ".join(
                f"{name}: {_cell(value)}" for name, value in zip(source.columns[1:], row[1:], strict=False)
            )
            said = f"**{_cell(row[0])}** ({rest})"
    else:
        names = "; ".join(", ".join(_cell(value) for value in row) for row in rows[:SHOWN])
        more = f"; and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
        said = f"{len(rows)} rows: {names}{more}"
    return f"{said}. {explanation}".strip()


def _cell(value: Cell) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return str(value)
