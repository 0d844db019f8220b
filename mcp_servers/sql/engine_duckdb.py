"""DuckDB behind its own locks: no files, no extensions, locked settings, bounded memory, one thread, interrupted."""

from __future__ import annotations

import contextlib
import datetime
import sys
import threading
import time
import types
import zoneinfo
from pathlib import Path

from mcp_servers.sql.engine import Found, Query
from mcp_servers.sql.flat import load

MEMORY = 1024**3


class Duckdb:
    """`path` is a DuckDB file; or a flat file or a folder of them, which become tables in memory."""

    def __init__(self, path: Path, *, flat: bool) -> None:
        import duckdb

        _give_time_zones()
        # Asked for the tables of a query, it binds no columns, and so takes USING for a mistake; and it makes two
        # statements of a PIVOT that has to look for its columns first.
        self._cannot_tell = (duckdb.BinderException, duckdb.InvalidInputException)
        self._connection = duckdb.connect(":memory:" if flat else str(path), read_only=not flat)
        for setting in (
            "autoinstall_known_extensions=false",
            "autoload_known_extensions=false",
            "allow_community_extensions=false",
            "python_enable_replacements=false",
            "enable_progress_bar=false",
            "temp_directory=''",
            f"memory_limit='{MEMORY}B'",
            "threads=1",
            "TimeZone='UTC'",
        ):
            self._connection.execute(f"SET {setting}")
        if flat:
            load(self._connection, path)
        self._connection.execute("SET enable_external_access=false; SET lock_configuration=true")

    def execute(self, query: Query) -> Found:
        late = threading.Timer(max(0.0, query.end - time.monotonic()), self._connection.interrupt)
        late.daemon = True
        late.start()
        try:
            read: set[str] = set()
            if query.tables is not None:
                with contextlib.suppress(*self._cannot_tell):
                    read = {name.lower() for name in self._connection.get_table_names(query.sql)}
                if not read <= query.tables:
                    raise PermissionError(f"it reads {', '.join(sorted(read - query.tables))}")
            done = self._connection.execute(("EXPLAIN " if query.explain else "") + query.sql, query.parameters)
            columns = [(str(column[0]), str(column[1])) for column in done.description or []]
        finally:
            late.cancel()
        return Found(columns, done.fetchone)


class _Zone(zoneinfo.ZoneInfo):
    def localize(self, local: datetime.datetime) -> datetime.datetime:
        return local.replace(tzinfo=self)


def _give_time_zones() -> None:
    """DuckDB asks a module `pytz` for the zone of a time, and fails without it: the standard library has them too."""
    zones = types.ModuleType("pytz")
    zones.timezone = _Zone  # pyright: ignore[reportAttributeAccessIssue]
    zones.utc = datetime.timezone.utc  # noqa: UP017 # pyright: ignore[reportAttributeAccessIssue]
    sys.modules.setdefault("pytz", zones)
