"""What the pages show is what happens: snippets run, and the README's first screen is the real output."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_servers.catalogue import cards

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_snippets_run(page: Path) -> None:
    for snippet in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(snippet, str(page), "exec"), {"__name__": "snippet"})


def test_the_first_screen_is_the_real_output(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r'\$ make chat Q="([^"]+)"\n(.*?)~~~\n', readme, re.DOTALL)
    assert shown is not None
    question, output = shown.groups()
    code = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "chat", "--offline", question],
        capture_output=True,
        text=True,
        check=True,
        env={"LYCEUM_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert done.stdout.strip() == output.strip()


def test_the_table_of_servers_is_the_catalogue() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, card in cards().items():
        assert f"| `{name}` | {card} |" in readme
