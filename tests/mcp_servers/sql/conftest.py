"""One small database in three engines, and the front door to each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcp_servers.sql import probes

HERE = Path(__file__).parent
MUSIC = (probes.HERE / "attacked.sql").read_text(encoding="utf-8")
Front = Callable[..., AbstractAsyncContextManager[Any]]


def benign(dialect: str) -> list[str]:
    groups = yaml.safe_load((HERE / "benign.yaml").read_text(encoding="utf-8"))
    return [*groups["all"], *groups[dialect]]


def told(rows: list[Any]) -> list[list[str]]:
    """Rows by what they say: numbers to nine digits, so that an engine's summing order is no difference."""
    return [[f"{cell:.9g}" if isinstance(cell, (int, float)) else str(cell) for cell in row] for row in rows]


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
