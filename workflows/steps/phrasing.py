"""Rows as a sentence: what a person reads before the table."""

from __future__ import annotations

from collections.abc import Sequence

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
        names = "; ".join(map(row_text, rows[:SHOWN]))
        more = f"; and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
        said = f"{len(rows)} rows: {names}{more}"
    return f"{said}. {explanation}".strip()


def counts(source: Source) -> str:
    """How many rows there are, and how many of them a sentence leaves out."""
    return f"{len(source.rows)} rows, {max(0, len(source.rows) - SHOWN)} more than a sentence shows"


def row_text(row: Sequence[Cell]) -> str:
    """A row as the answer says it: 49.620000000000005 in a table is 49.62 in words."""
    return ", ".join(_cell(value) for value in row)


def _cell(value: Cell) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return str(value)
