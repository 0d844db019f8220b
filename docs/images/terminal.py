"""Draw `terminal.svg`, the picture in the README: a real question asked in a real terminal, with what it printed.

python docs/images/terminal.py
"""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
PICTURE = Path(__file__).with_name("terminal.svg")
QUESTION = "What is grouped-query attention? And which genre has the most tracks?"
WIDTH = 110
CODE = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"
# The published format loads its font from the network; a picture in a repository should not.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace("Fira Code,", "")


def ask(question: str) -> str:
    """Return what `lyceum chat` writes to a terminal of `WIDTH` columns, colours included."""
    master, slave = pty.openpty()
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home, "LYCEUM_HOME": home}
        environment |= {"TERM": "xterm-256color", "COLUMNS": str(WIDTH), "LINES": "50"}
        command = [sys.executable, "-c", CODE, "chat", "--offline", question]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave):  # noqa: S603
            os.close(slave)
            written = _read(master)
    return written.replace("\r\n", "\n")


def _read(terminal: int) -> str:
    parts: list[bytes] = []
    while True:
        try:
            parts.append(os.read(terminal, 65536))
        except OSError:  # the other side was closed: that is how a terminal says that it is over
            break
        if not parts[-1]:
            break
    os.close(terminal)
    return b"".join(parts).decode()


def draw(written: str) -> str:
    """Return the terminal's content as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.assemble(("$ ", "bold green"), f'lyceum chat "{QUESTION}"'))
    console.print(Text.from_ansi(written.rstrip()))
    return console.export_svg(title="lyceum", code_format=FORMAT, unique_id="lyceum")


def lines_of(svg: str) -> list[str]:
    """Return a picture's lines without spaces and times, sorted: steps side by side finish in either order."""
    lines: dict[str, str] = {}
    for number, words in re.findall(r'line-(\d+)\)">(.*?)</text>', svg):
        lines[number] = lines.get(number, "") + re.sub(r"&#160;|\s", "", words)
    return sorted(re.sub(r"\d+(\.\d+)?m?s$", "", line) for line in lines.values())


if __name__ == "__main__":
    PICTURE.write_text(draw(ask(QUESTION)), encoding="utf-8")
