"""Run the commands that a page shows and put their real output below each: `python docs/console.py README.md`.

A block opens with `~~~console`; every line in it that starts with `$ ` is a command, asked of the offline engine in an
empty home.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"


def output_of(command: str) -> str:
    """Return what a `lyceum chat` command, or `make chat Q=...`, writes to standard output."""
    program, *words = shlex.split(command)
    arguments = ["chat", words[1].removeprefix("Q=")] if program == "make" else words
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(  # noqa: S603  the pages are ours
            [sys.executable, "-c", CODE, *arguments, "--offline"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "HOME": home, "LYCEUM_HOME": home},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stderr}")
    return done.stdout.strip() + "\n"


def rendered(page: str) -> str:
    """Return the page with the output of every command as it is today."""

    def block(found: re.Match[str]) -> str:
        commands = re.findall(r"^\$ (.+)$", found[1], re.MULTILINE)
        return "~~~console\n" + "\n".join(f"$ {command}\n{output_of(command)}" for command in commands) + "~~~\n"

    return re.sub(r"~~~console\n(.*?)~~~\n", block, page, flags=re.DOTALL)


if __name__ == "__main__":
    for name in sys.argv[1:] or ["README.md"]:
        page = ROOT / name
        page.write_text(rendered(page.read_text(encoding="utf-8")), encoding="utf-8")
