"""Write docs/labs.md from the lab files: `python docs/labs.py`."""

from __future__ import annotations

from pathlib import Path

from evals.labs.lab import find_labs, load_lab
from mcp_servers.catalogue import FOLDER

PAGE = Path(__file__).with_name("labs.md")
HEAD = """# Labs

The course's hands-on labs, as data: each is a file in the folder of the tool server that it uses, a list of tool calls
and questions with assertions on what they show. `lyceum lab show L04` is the lesson, `lyceum lab run L04` runs it and
says which assertions held (exit code 1 when one did not), `--json` gives every step with its whole result. A lab runs
on a home folder that is thrown away; the pictures it makes are kept in `labs/` of yours. Questions are answered by the
offline engine unless the lab needs a language model or `--model` names one. How a file is written stands at the top of
[evals/labs/lab.py](../evals/labs/lab.py). This page is written by `python docs/labs.py`.

| lab | title | server | needs | smaller than the syllabus |
| --- | --- | --- | --- | --- |
"""


def page() -> str:
    """Return the page as the lab files have it now."""
    rows = [load_lab(path) for path in find_labs(FOLDER)]
    lines = [
        f"| {lab.id} | {lab.title} | `{lab.server}` | {', '.join(lab.needs)} | {' '.join(lab.smaller.split())} |"
        for lab in rows
    ]
    return HEAD + "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
