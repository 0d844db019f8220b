"""One small database in three engines, and the front door to each."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parent
MUSIC = (HERE / "music.sql").read_text(encoding="utf-8")
SHOWN = ("artist", "genre", "album", "track", "employee", "sale", "Order Details")  # and not secret
Front = Callable[..., AbstractAsyncContextManager[Any]]


def statements(file: str) -> Any:
    return yaml.safe_load((HERE / file).read_text(encoding="utf-8"))


def make_sqlite(path: Path) -> Path:
    with sqlite3.connect(path) as made:
        made.executescript(MUSIC)
    made.close()
    return path


def make_duckdb(path: Path) -> Path:
    import duckdb

    with duckdb.connect(str(path)) as made:
        made.execute(MUSIC)
    return path


@pytest.fixture
def front(tmp_path: Path) -> Front:
    """Open the SQL server's front door to databases of the settings; small limits, so that what is endless ends."""

    @asynccontextmanager
    async def front(databases: dict[str, Any], **limits: Any) -> AsyncGenerator[Any]:
        from mcp import Client

        from lyceum.settings import Settings
        from mcp_servers.services import Services
        from mcp_servers.sql.server import create_server

        section = {"seconds": 0.3, "databases": databases, **limits}
        settings = Settings(home=tmp_path / "home", servers={"sql": section})
        async with Client(create_server(settings, Services(tmp_path / "home"))) as client:
            yield client

    return front


@pytest.fixture(scope="session")
def postgres(new_database: Callable[[str], str]) -> dict[str, str]:
    """A real PostgreSQL with the small database: the address of its `owner`, and that of a `reader` that only reads."""
    import psycopg

    owner = new_database("music")
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(MUSIC)  # pyright: ignore[reportArgumentType]
        connection.execute(
            """CREATE ROLE reader LOGIN PASSWORD 'open-sesame'; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
               GRANT USAGE ON SCHEMA public TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
               ALTER ROLE reader SET temp_file_limit = '200MB'"""
        )
    return {"owner": owner, "reader": owner.replace("postgres:@", "reader:open-sesame@")}
