"""CSV, TSV, Parquet and XLSX files as DuckDB tables, each under a plain name made of its own."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import duckdb

FLAT = (".csv", ".tsv", ".parquet", ".xlsx")


def load(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Make the tables of a file, or of each file in a folder; an error names the file that it is about."""
    files = sorted(child for child in path.iterdir() if child.suffix.lower() in FLAT) if path.is_dir() else [path]
    for file in files:
        kind = file.suffix.lower()
        try:
            if kind == ".xlsx":
                _load_sheets(connection, file)
            else:
                _load_file(connection, file, "read_parquet(?)" if kind == ".parquet" else "read_csv(?)")
        except Exception as error:
            raise ValueError(f"{file.name}: {(str(error).splitlines() or ['not readable'])[0]}") from error


def identifier(name: str) -> str:
    """Make a plain lower-case SQL name of a file or sheet name."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return plain if plain and not plain[0].isdigit() else f"t_{plain}"


def _load_file(connection: duckdb.DuckDBPyConnection, file: Path, reader: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # the readers take *, ? and [ in a file's name for patterns
        plain = Path(folder, f"file{file.suffix.lower()}")
        plain.symlink_to(file.absolute())
        _create(connection, identifier(file.stem), reader, plain)


def _load_sheets(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Load each sheet as a table; the first row with at least two filled cells is its header."""
    import openpyxl

    sheets = cast("list[Any]", openpyxl.load_workbook(file, read_only=True, data_only=True).worksheets)
    for sheet in sheets:
        rows = [list(row) for row in cast("Iterator[tuple[Any, ...]]", sheet.iter_rows(values_only=True))]
        filled = [sum(cell is not None for cell in row) for row in rows]
        start = next((n for n, row in enumerate(rows) if filled[n] >= min(2, len(row))), None)
        if start is None:
            continue
        name = identifier(file.stem) if len(sheets) == 1 else f"{identifier(file.stem)}_{identifier(sheet.title)}"
        with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="", encoding="utf-8") as text:
            csv.writer(text).writerows(["" if cell is None else cell for cell in row] for row in rows[start:])
            text.flush()
            _create(connection, name, "read_csv(?, header=true)", Path(text.name))


def _create(connection: duckdb.DuckDBPyConnection, name: str, reader: str, file: Path) -> None:
    taken = {str(row[0]) for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    free, number = name, 2
    while free in taken:  # two files, or sheets, may well share a name
        free, number = f"{name}_{number}", number + 1
    connection.execute(f'CREATE TABLE "{free}" AS SELECT * FROM {reader}', [str(file)])  # noqa: S608 - [a-z0-9_]+
