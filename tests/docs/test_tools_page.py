"""What the tools cost stands on their page as it is now."""

from __future__ import annotations

import runpy
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "tools.md"


async def test_the_page_of_tools_says_what_they_cost_now() -> None:
    written = await runpy.run_path(str(PAGE.with_suffix(".py")))["page"]()
    assert written == PAGE.read_text(encoding="utf-8"), "Run `python docs/tools.py`; see what changed."
