"""Spreadsheets as text: a heading for every sheet and its rows as one table."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime

from lyceum.errors import UserError
from mcp_servers.retrieval.document import Document, Writer
from mcp_servers.retrieval.packed import opened

MOST_ROWS = 5000  # of one sheet; what is longer is data to query and not text to read


def read_xlsx(data: bytes) -> Document:
    """Read the values that a spreadsheet program last computed; formulas are not computed again."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    long: list[str] = []
    writer = Writer()
    with opened(data, "Excel file"):
        pass
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, TypeError, SyntaxError):
        raise UserError("It is not a readable Excel file.", next_step="Open it, save it as .xlsx, and retry.") from None
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            continue
        rows: list[list[str]] = []
        for number, values in enumerate(sheet.iter_rows(values_only=True), 1):
            if number > MOST_ROWS:
                long.append(sheet.title)
                break
            cells = [_shown(value) for value in values]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                rows.append(cells)
        if rows:
            writer.add(sheet.title, "heading", level=1)
            writer.add("\n".join(" | ".join(row) for row in rows), "table")
    properties = book.properties
    warning = f"Only the first {MOST_ROWS} rows were read of: {', '.join(long)}." if long else ""
    return writer.document(
        "paragraph",
        warning=warning,
        remedy="Use sql_attach to query all of it.",
        fields={"title": properties.title, "author": properties.creator, "date": properties.created},
    )


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime) and not (value.hour or value.minute or value.second):
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return " ".join(str(value).split()).replace("|", "/")
