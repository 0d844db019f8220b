"""Databases: SQLite and DuckDB files as they are, flat files loaded as DuckDB tables, PostgreSQL by its address."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from lyceum.errors import ModelRetry, UserError
from lyceum.extras import install_command
from lyceum.tables import Cell
from mcp_servers.sql.flat import FLAT

OPENING_SECONDS = 120.0
GRACE_SECONDS = 1.0  # that an interrupted query has to end before its process is killed
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TZ")
_START = "import sys; sys.path.insert(0, sys.argv[1]); from mcp_servers.sql.engine import main; main()"
_FOR_POSTGRES = ("HOME", "PGPASSFILE", "PGSERVICEFILE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLMODE")
Kind = Literal["sqlite", "duckdb", "files", "postgres"]
Dialect = Literal["sqlite", "duckdb", "postgres"]
ROLE = (
    "Give it a role that only reads: CREATE ROLE reader LOGIN PASSWORD '...'; GRANT USAGE ON SCHEMA public TO reader; "
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader (docs/sql.md has the whole of it)."
)


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
    """`types` are the engine's names, empty where it has none; `cut`: there was more than a result may hold."""

    columns: list[str]
    rows: list[list[Cell]]
    types: list[str] = field(default_factory=list[str])
    cut: bool = False


class Database:
    """A database that only reads, held by a process of its own; `run` takes checked SQL.

    Opened by the path of a file or folder, or by the address of a PostgreSQL and the schemas to read.
    """

    def __init__(self, path: Path | None = None, *, url: SecretStr | None = None, schemas: Sequence[str] = ()) -> None:
        assert (path is None) != (url is None)
        self.path = path
        self.schemas = tuple(schemas) or ("public",)
        self.kind: Kind = "postgres" if path is None else kind_of(path)
        self.dialect: Dialect = "duckdb" if self.kind == "files" else self.kind
        self.shown = str(path) if path is not None else shown_address(url)
        self._url = url
        self._tables: list[str] | None = None
        self._lock = threading.Lock()
        self._process = self._open()

    def close(self) -> None:
        self._process.stop()

    def confine(self, tables: Iterable[str]) -> None:
        """Let the engine read these tables alone from now on, and describe nothing."""
        self._tables = [name.lower() for name in tables]

    def run(
        self,
        sql: str,
        parameters: tuple[Any, ...] = (),
        *,
        seconds: float = 5.0,
        most: int = 10_000,
        most_bytes: int = 4_000_000,
        explain: bool = False,
    ) -> Rows:
        """Run one query, or have its plan, and return at most so many rows and bytes.

        Raises ModelRetry when it fails, takes longer than `seconds` or needs too much memory.
        """
        request = {"sql": sql, "parameters": parameters, "seconds": seconds, "most": most, "most_bytes": most_bytes}
        request |= {"explain": explain}
        with self._lock:
            if not self._process.stop.alive:
                self._process = self._open()
            reply = self._process.ask({**request, "tables": self._tables}, seconds + GRACE_SECONDS)
            if reply is not None and reply.get("broken"):
                self._process.stop()
        if reply is None:
            raise ModelRetry(f"The query took longer than {seconds:g} s or too much memory; make it narrower.")
        if reply.get("late"):
            raise ModelRetry(f"The query took longer than {seconds:g} s; make it narrower.")
        if "refused" in reply:
            raise ModelRetry(f"The database refused the query: {reply['refused']}.")
        return Rows(reply["columns"], reply["rows"], reply["types"], reply["cut"])

    def _open(self) -> _Process:
        process = _Process(self.kind)
        asked: dict[str, Any] = {"kind": self.kind, "schemas": self.schemas}
        asked |= (
            {"url": self._url.get_secret_value()} if self._url else {"path": str(self.path and self.path.absolute())}
        )
        reply = process.ask(asked, OPENING_SECONDS)
        if reply is None or "refused" in reply:
            process.stop()
            reason = reply["refused"] if reply else "it took too much time or memory"
            if reply and reply.get("missing"):
                step = f"install the postgres extra: {install_command('postgres')}"
            else:
                step = ROLE if self.kind == "postgres" else "Check that the file is whole."
            raise UserError(f"{self.shown} cannot be opened ({reason}).", next_step=step)
        return process


def shown_address(url: SecretStr | None) -> str:
    """Return an address as it may be shown: without user, password and options."""
    try:
        parts = urlsplit(url.get_secret_value() if url else "")
    except ValueError:
        return "postgresql://"
    return f"postgresql://{parts.hostname or ''}{parts.path}"


class _Process:
    """`engine.py` as a process that answers one request at a time, and is killed when it is late."""

    def __init__(self, kind: Kind) -> None:
        passed = (*_PASSED_ON, *(_FOR_POSTGRES if kind == "postgres" else ()))
        root = str(Path(__file__).parents[2])
        self._popen = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-I", "-c", _START, root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in passed if name in os.environ},
        )
        self.stop = weakref.finalize(self, _stop, self._popen)  # also when it is forgotten, and at exit

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """Return the reply, or None where there was none in time: the process is gone then."""
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        end = time.monotonic() + seconds
        line = b""
        with suppress(OSError):
            self._popen.stdin.write(json.dumps(request).encode() + b"\n")
            self._popen.stdin.flush()
            while not line.endswith(b"\n") and (left := end - time.monotonic()) > 0:
                if select.select([self._popen.stdout], [], [], left)[0]:
                    piece = os.read(self._popen.stdout.fileno(), 1 << 20)
                    if not piece:
                        break
                    line += piece
        if not line.endswith(b"\n"):
            self.stop()
            return None
        return json.loads(line)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    process.wait()
