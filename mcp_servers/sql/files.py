"""Databases on disk: SQLite and DuckDB files as they are; CSV, Parquet and XLSX files loaded as DuckDB tables."""

from __future__ import annotations

import re
import sqlite3
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from lyceum.errors import ModelRetry, UserError
from lyceum.tables import Cell

if TYPE_CHECKING:
    import duckdb

FLAT = (".csv", ".tsv", ".parquet", ".xlsx")
LONGEST_CELL = 2000
_READS = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
Kind = Literal["sqlite", "duckdb", "files"]


def kind_of(path: Path) -> Kind:
    """Tell what a path is by its content; raises UserError that says what was found."""
    if not path.exists():
        raise UserError(f"{path} does not exist.", next_step="Check the path.")
    if path.is_dir():
        if not any(child.suffix.lower() in FLAT for child in path.iterdir()):
            raise UserError(f"{path} holds no CSV, TSV, Parquet or XLSX file.", next_step="Name a file with tables.")
        return "files"
    if path.suffix.lower() in FLAT:
        return "files"
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).", next_step="Check its permissions.") from error
    if head.startswith(b"SQLite format 3\x00"):
        return "sqlite"
    if head[8:12] == b"DUCK":
        return "duckdb"
    raise UserError(
        f"{path} is neither a SQLite nor a DuckDB database (it starts with {head[:8]!r}).",
        next_step="Attach a database, or a CSV, TSV, Parquet or XLSX file.",
    )


@dataclass(frozen=True)
class Rows:
    columns: list[str]
    rows: list[list[Cell]]


class Database:
    """An open database that only reads; `run` takes checked SQL."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kind = kind_of(path)
        self.dialect: Literal["sqlite", "duckdb"] = "sqlite" if self.kind == "sqlite" else "duckdb"
        self._lock = threading.Lock()
        self._connection: Any = _open_sqlite(path) if self.kind == "sqlite" else _open_duckdb(path, self.kind)

    def close(self) -> None:
        self._connection.close()

    def run(self, sql: str, parameters: tuple[Any, ...] = (), *, seconds: float = 5.0, most: int = 10_000) -> Rows:
        """Run one query; raises ModelRetry when it fails or takes longer than `seconds`."""
        with self._lock, self._deadline(seconds) as late:
            try:
                cursor = self._connection.execute(sql, parameters)
                rows = cursor.fetchmany(most)
            except Exception as error:  # noqa: BLE001 - two engines, two trees of errors, one answer
                if late():
                    raise ModelRetry(f"The query took longer than {seconds:g} s; make it narrower.") from None
                raise ModelRetry(f"The database refused the query: {str(error).splitlines()[0]}.") from None
            names = [str(column[0]) for column in cast("list[Any]", cursor.description or [])]
        return Rows(names, [[_cell(value) for value in row] for row in rows])

    @contextmanager
    def _deadline(self, seconds: float) -> Generator[Any]:
        end = time.monotonic() + seconds
        timer = threading.Timer(seconds, self._connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield lambda: time.monotonic() >= end - 0.01
        finally:
            timer.cancel()


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    text = str(value)
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}… ({len(text)} characters)"


def _authorize(action: int, first: str | None, *_rest: str | None) -> int:
    described = action == sqlite3.SQLITE_PRAGMA and first in ("table_info", "foreign_key_list")
    return sqlite3.SQLITE_OK if described or action in _READS else sqlite3.SQLITE_DENY


def _open_sqlite(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise UserError(f"{path} cannot be opened ({error}).", next_step="Check that the file is whole.") from error
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000_000)
    connection.setlimit(sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 200)
    connection.set_authorizer(_authorize)
    return connection


def _open_duckdb(path: Path, kind: Kind) -> duckdb.DuckDBPyConnection:
    import duckdb

    try:
        connection = duckdb.connect(str(path), read_only=True) if kind == "duckdb" else duckdb.connect(":memory:")
        connection.execute("SET autoinstall_known_extensions=false; SET autoload_known_extensions=false")
        connection.execute("SET memory_limit='1GB'; SET threads=1")
        if kind == "files":
            _load_files(connection, path)
        connection.execute("SET enable_external_access=false; SET lock_configuration=true")
    except (duckdb.Error, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} cannot be opened ({reason}).", next_step="Check that the file is whole.") from error
    return connection


def _load_files(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    files = sorted(child for child in path.iterdir() if child.suffix.lower() in FLAT) if path.is_dir() else [path]
    for file in files:
        name = identifier(file.stem)
        if file.suffix.lower() == ".xlsx":
            _load_sheets(connection, file, name)
        else:
            reader = "read_parquet(?)" if file.suffix.lower() == ".parquet" else "read_csv(?)"
            with tempfile.TemporaryDirectory() as folder:  # the readers take *, ? and [ in a file's name for patterns
                plain = Path(folder, f"file{file.suffix}")
                plain.symlink_to(file.absolute())
                connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM {reader}', [str(plain)])  # noqa: S608 - name is [a-z0-9_]+


def _load_sheets(connection: duckdb.DuckDBPyConnection, file: Path, name: str) -> None:
    """Load each sheet as a table; the first row with at least two filled cells is its header."""
    import csv

    import openpyxl

    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except Exception as error:
        raise UserError(f"{file} is not a readable XLSX file ({error}).", next_step="Save it again as XLSX.") from error
    sheets = cast("list[Any]", book.worksheets)
    for sheet in sheets:
        rows = [list(row) for row in sheet.iter_rows(values_only=True)]
        start = next(
            (n for n, row in enumerate(rows) if sum(cell is not None for cell in row) >= min(2, len(row))), None
        )
        if start is None:
            continue
        table = name if len(sheets) == 1 else f"{name}_{identifier(sheet.title)}"
        with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="", encoding="utf-8") as temporary:
            csv.writer(temporary).writerows(["" if cell is None else cell for cell in row] for row in rows[start:])
            temporary.flush()
            connection.execute(
                f'CREATE TABLE "{table}" AS SELECT * FROM read_csv(?, header=true)',  # noqa: S608
                [temporary.name],
            )


def identifier(name: str) -> str:
    """Make a plain lower-case SQL name of a file or sheet name."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return plain if plain and not plain[0].isdigit() else f"t_{plain}"
