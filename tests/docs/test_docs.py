"""What the pages show is what happens: snippets run, and the README's first screen is the real output."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from mcp_servers.catalogue import cards

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_snippets_run(page: Path) -> None:
    for snippet in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(snippet, str(page), "exec"), {"__name__": "snippet"})


def test_every_console_block_shows_the_real_output() -> None:
    rendered = runpy.run_path(str(ROOT / "docs" / "console.py"))["rendered"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    where = re.compile(r"doc:example-[0-9a-f]{6}")  # a collection is named after the place of its folder
    assert where.sub("", rendered(readme)) == where.sub("", readme), "Run `python docs/console.py`; see what changed."


def test_the_first_screen_holds_one_sentence_and_the_first_answer() -> None:
    first = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:20]
    assert first[0] == "# Lyceum"
    assert '$ make chat Q="Which genre has the most tracks?"' in first


def test_the_table_of_servers_is_the_catalogue() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, card in cards().items():
        assert f"| `{name}` | {card} |" in readme
