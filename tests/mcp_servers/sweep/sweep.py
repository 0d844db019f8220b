"""Other people's clients, each in an environment of its own, use the server that users get.

`python -m tests.mcp_servers.sweep.sweep [CLIENT ...]` runs them and writes the table of docs/clients.md.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.clients.kinds import own_command
from benchmarks.pages import between
from tests.mcp_servers import npm

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "clients.md"
MARKS = ("<!-- written by `make sweep` -->", "<!-- until here -->")
TYPESCRIPT = "sdk_typescript.mjs"

# A tool of the lean set, its arguments, and what the answer must hold.
CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("course_search", {"query": "What is attention?"}, "attention"),
    ("course_glossary", {"term": "token"}, "token"),
    ("basics_calculate", {"expression": "17.5% of 3240"}, "567"),
    ("sql_databases", {}, "chinook"),
    ("sql_schema", {"database": "chinook"}, "Genre"),
    ("sql_query", {"sql": "SELECT COUNT(*) AS n FROM Track"}, "3503"),
    ("retrieval_list", {}, "collections"),
    ("sandbox_run", {"code": "6 * 7"}, "42"),
    ("tools_search", {"query": "days between two dates"}, "basics_days_between"),
    (
        "tools_call_read",
        {"name": "basics_days_between", "arguments": {"start": "2026-03-03", "end": "2026-03-10"}},
        "7",
    ),
]
STUCK = ("sandbox_run", {"code": "while True:\n    pass", "timeout_seconds": 180})


@dataclass(frozen=True)
class Client:
    """`script` with `options` is run with these Python packages, or with those that npm installed."""

    title: str
    script: str
    options: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


CLIENTS = {
    "python-2026": Client("official Python SDK", "sdk_python.py", ("2026-07-28",), ("mcp==2.3.0",)),
    "python-2025": Client("official Python SDK", "sdk_python.py", ("legacy",), ("mcp==2.3.0",)),
    "typescript-2026": Client(
        "official TypeScript SDK", TYPESCRIPT, ("@modelcontextprotocol/client", '{"pin":"2026-07-28"}')
    ),
    "typescript-2025": Client("official TypeScript SDK", TYPESCRIPT, ("@modelcontextprotocol/client", '"legacy"')),
    "typescript-v1": Client(
        "official TypeScript SDK, version 1", TYPESCRIPT, ("@modelcontextprotocol/sdk", '"legacy"')
    ),
    "pydantic-ai": Client("PydanticAI", "pydantic_ai_client.py", packages=("pydantic-ai-slim[mcp]==2.68.0",)),
    "fastmcp": Client("FastMCP", "fastmcp_client.py", packages=("fastmcp==4.2.3",)),
    "langchain": Client(
        "LangChain", "langchain_client.py", packages=("langchain-mcp-adapters==0.3.2", "langchain-core==1.8.3")
    ),
    "llamaindex": Client("LlamaIndex", "llamaindex_client.py", packages=("llama-index-tools-mcp==0.6.0",)),
    "smolagents": Client("smolagents", "smolagents_client.py", packages=("smolagents[mcp]==1.26.0", "mcp<2")),
    "openai-agents": Client("OpenAI Agents SDK", "openai_agents_client.py", packages=("openai-agents==0.24.0",)),
}


@contextlib.contextmanager
def served(home: Path) -> Generator[tuple[str, int]]:
    """Serve the lean set over HTTP as users do; gives its address and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [own_command().program, *own_command().arguments, "--transport", "http", "--port", str(port)]
    with (home / "server.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, env=environment(home), stdout=subprocess.DEVNULL, stderr=log)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp", process.pid
    finally:
        process.terminate()
        process.wait(10)


def environment(home: Path) -> dict[str, str]:
    """What a client started from the desktop hands on, with a home of its own."""
    return {"LYCEUM_HOME": str(home), "HOME": os.environ["HOME"], "PATH": "/usr/local/bin:/usr/bin:/bin"}


def run(client: Client, url: str, server: int, folder: Path) -> dict[str, Any]:
    """Let one client do everything; returns what it printed, or `error`. Raises npm.Unavailable."""
    home, documents = folder / "home", folder / "documents"
    documents.mkdir(exist_ok=True)
    for number in range(3):
        (documents / f"note-{number}.md").write_text(f"# Note {number}\n\nThe lighthouse has {number} lamps.\n")
    own = own_command()
    asked = {
        "command": [own.program, *own.arguments],
        "env": environment(home),
        "cwd": str(folder),
        "url": url,
        "server": server,
        "documents": str(documents),
        "calls": CALLS,
        "stuck": STUCK,
    }
    command, where = _command(client, folder)
    done = subprocess.run(
        command,
        cwd=where,
        env={**os.environ, "SWEEP": json.dumps(asked)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return {"error": (done.stderr.strip() or "it said nothing")[-3000:]}


def _command(client: Client, folder: Path) -> tuple[list[str], Path]:
    if client.script == TYPESCRIPT:
        node, modules = npm.installed(HERE, "clients")
        shutil.copy(HERE / "clients" / TYPESCRIPT, modules)  # a module is looked for beside the script
        return [node, str(modules / TYPESCRIPT), *client.options], modules
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    with_packages = [word for package in client.packages for word in ("--with", package)]
    isolated = [uv, "run", "--quiet", "--isolated", "--no-project", "--python", sys.executable, *with_packages]
    return [*isolated, "python", str(HERE / "clients" / client.script), *client.options], folder


def sweep(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Run these clients one after another against one home."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "home").mkdir()
        with served(folder / "home") as (url, process):
            return {name: run(CLIENTS[name], url, process, folder) for name in names}


def wrong(found: dict[str, Any]) -> list[str]:
    """What a client could not do."""
    if "error" in found:
        return [found["error"]]
    problems: list[str] = []
    for transport in ("stdio", "http"):
        told = found[transport]
        problems += [f"{transport}: {failed}" for failed in told["failed"]]
        if told["listed"] < 15 or told["called"] < len(CALLS):
            problems.append(f"{transport}: {told['listed']} tools listed, {told['called']} called")
        if "progress" in told and not told["progress"]:
            problems.append(f"{transport}: no progress was heard of")
        if "cancelled" in told and told["cancelled"] is None:
            problems.append(f"{transport}: a cancelled call went on")
    return problems


def table(results: dict[str, dict[str, Any]]) -> str:
    """Return the results as the page shows them; each cell of two says stdio, then HTTP."""
    head = "| client | versions | protocol | tools listed | ten calls | progress messages | stopped after |\n"
    rows = [head, "| --- " * 7 + "|\n"]
    for name, found in results.items():
        title = CLIENTS[name].title
        if "error" in found:
            rows.append(f"| {title} | | | failed | | | |\n")
            continue
        both = [found["stdio"], found["http"]]
        versions = ", ".join(f"{package} {version}" for package, version in found["versions"].items())
        cells = [
            both[1]["protocol"] or "its own choice",
            *(_both(both, key) for key in ("listed", "called", "progress")),
            _both(both, "cancelled", " s"),
        ]
        rows.append(f"| {title} | {versions} | {' | '.join(cells)} |\n")
    return "".join(rows)


def _both(both: Sequence[dict[str, Any]], key: str, unit: str = "") -> str:
    if key not in both[0]:
        return "not offered"
    return ", ".join("no" if told[key] is None else f"{told[key]}{unit}" for told in both)


def page(results: dict[str, dict[str, Any]], today: datetime.date) -> str:
    """Return docs/clients.md with the results of this sweep in it."""
    text = f"\n\nRun on {today.isoformat()}.\n\n{table(results)}\n"
    return between(PAGE.read_text(encoding="utf-8"), *MARKS, text)


if __name__ == "__main__":
    chosen = sys.argv[1:] or list(CLIENTS)
    results = sweep(chosen)
    for name, found in results.items():
        sys.stdout.write(f"{name}: {'; '.join(wrong(found)) or 'all well'}  {json.dumps(found)}\n")
    if not sys.argv[1:]:
        PAGE.write_text(page(results, datetime.datetime.now(datetime.UTC).date()), encoding="utf-8")
    sys.exit(1 if any(wrong(found) for found in results.values()) else 0)
