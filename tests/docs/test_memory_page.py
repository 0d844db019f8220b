"""The measurements on memory's page are those of the committed results."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_s_tables_are_what_was_measured() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "memory_measured.py"))["page"]
    written = (ROOT / "docs" / "memory.md").read_text(encoding="utf-8")
    assert page(written) == written, "Run `python docs/memory_measured.py`."
