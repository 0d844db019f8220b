"""The page of the text server shows what was measured."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


def test_the_tables_of_the_page_are_those_of_the_results() -> None:
    page = runpy.run_path(str(DOCS / "text.py"))["page"]()
    assert (DOCS / "text.md").read_text(encoding="utf-8") == page, "Run `python docs/text.py`."
