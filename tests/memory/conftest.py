"""A memory file of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.database import MemoryFile


@pytest.fixture
def file(tmp_path: Path) -> Iterator[MemoryFile]:
    opened = MemoryFile(tmp_path / "memory.db")
    yield opened
    opened.close()
