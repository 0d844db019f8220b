"""The protocol's own conformance suite, installed as pinned, run against the server that users get.

`python -m tests.mcp_servers.conformance.suite` runs it and writes the table of docs/conformance.md.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from tests.mcp_servers import npm
from tests.mcp_servers.npm import Unavailable

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "conformance.md"
ROUNDS = {
    "2025-11-25": ["--requirements", "2025-11-25"],
    "2026-07-28": ["--requirements", "2026-07-28"],
    "everything": ["--suite", "all"],
}
_LINE = re.compile(r"^[✓✗] (?P<scenario>[a-z0-9-]+): (?P<passed>\d+) passed, (?P<failed>\d+) failed", re.MULTILINE)
_TOTAL = re.compile(r"^Total: (\d+) passed, (\d+) failed", re.MULTILINE)
_MARK = "<!-- written by `make conformance` -->"


@dataclass
class Round:
    """What one run of the suite counted: by scenario, checks that passed and failed."""

    passed: int
    failed: int
    scenarios: dict[str, tuple[int, int]] = field(default_factory=dict[str, "tuple[int, int]"])
    output: str = ""


def installed() -> tuple[str, Path]:
    """Install the suite once per pinned version; return a Node.js and the suite's script. Raises Unavailable."""
    node, folder = npm.installed(HERE, "conformance")
    return node, folder / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"


@contextlib.contextmanager
def served(home: Path) -> Generator[int]:
    """Serve the product with its fixtures in a process of its own, over HTTP; gives its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    code = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"
    options = ["mcp", "serve", "--toolsets", "course", "--conformance", "--transport", "http", "--port", str(port)]
    with (home / "server.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *options],
            env={"LYCEUM_HOME": str(home), "PATH": os.environ["PATH"]},
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def run(options: list[str], port: int) -> Round:
    """Run the suite once. Raises Unavailable where it cannot be installed or says nothing that can be read."""
    node, script = installed()
    command = [node, str(script), "server", "--url", f"http://127.0.0.1:{port}/mcp", *options]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    total = _TOTAL.search(done.stdout)
    if total is None:
        raise Unavailable(f"The suite gave no total: {done.stderr[-500:]}")
    counted = {m["scenario"]: (int(m["passed"]), int(m["failed"])) for m in _LINE.finditer(done.stdout)}
    return Round(int(total[1]), int(total[2]), counted, done.stdout)


def run_all() -> dict[str, Round]:
    with tempfile.TemporaryDirectory() as home, served(Path(home)) as port:
        return {name: run(options, port) for name, options in ROUNDS.items()}


def table(rounds: dict[str, Round]) -> str:
    """Return the results as the page shows them: checks passed of those made."""
    scenarios = sorted({scenario for each in rounds.values() for scenario in each.scenarios})
    total = " | ".join(f"{each.passed} of {each.passed + each.failed}" for each in rounds.values())
    lines = ["| scenario | " + " | ".join(rounds) + " |", "| --- |" + " --- |" * len(rounds), f"| **all** | {total} |"]
    for scenario in scenarios:
        cells = [each.scenarios.get(scenario) for each in rounds.values()]
        shown = [" " if cell is None else f"{cell[0]} of {sum(cell)}" if sum(cell) else "skipped" for cell in cells]
        lines.append(f"| {scenario} | " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def page(rounds: dict[str, Round]) -> str:
    """Return docs/conformance.md with the results of these rounds in it."""
    written = PAGE.read_text(encoding="utf-8").partition(_MARK)[0]
    return f"{written}{_MARK}\n\n{table(rounds)}"


if __name__ == "__main__":
    found = run_all()
    for name, each in found.items():
        sys.stdout.write(f"{name}: {each.passed} passed, {each.failed} failed\n")
    PAGE.write_text(page(found), encoding="utf-8")
    sys.exit(1 if any(each.failed for each in found.values()) else 0)
