"""Research through real `lyceum` processes: documents to read, tool servers that count, processes to kill."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from lyceum.settings import Settings

ROOT = Path(__file__).parents[3]
CHINOOK = ROOT / "mcp_servers" / "sql" / "chinook.sqlite"
QUESTION = (
    "In which year did the record label of Lyon open, how many records did the archive of Dijon sell, "
    "and which genre has the most tracks?"
)
TOWNS = ("Lyon", "Nantes", "Dijon", "Brest", "Metz", "Rennes", "Tours", "Nice", "Lille", "Reims")
PLACES = ("music store", "record label", "archive", "concert hall", "radio station")


def write_documents(folder: Path, count: int = 200, *, seed: int = 1, token: str = "") -> Path:
    """Write notes on made-up houses; `token` is a word that stands in every sentence of them."""
    chance = random.Random(seed)
    folder.mkdir(parents=True)
    word = f" {token}" if token else ""
    for number in range(count):
        town, place, year = chance.choice(TOWNS), chance.choice(PLACES), chance.randrange(1950, 2020)
        (folder / f"note{number:03}.md").write_text(
            f"# Note {number} on the {place} of {town}{word}\n\n"
            f"The{word} {place} number {number} in {town} opened in {year}. "
            f"In {year + 3} it sold {chance.randrange(100, 9000)} records{word}.\n\n"
            f"Visitors of {town} say that the{word} {place} is {chance.choice(['quiet', 'busy', 'loud'])} on Mondays.\n"
        )
    return folder


def asked(documents: Path) -> list[str]:
    """Return the words of a question to documents and tables."""
    return [QUESTION, "--source", f"docs:{documents}", "--source", f"sql:{CHINOOK}"]


class Calls:
    """An ASGI layer that counts every tool call that reaches a server, by its name and arguments.

    Calls of the tools in `held` wait as long as they are there.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self.begun = Counter[str]()
        self.held: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        messages: list[Any] = []
        while not messages or messages[-1].get("more_body"):
            messages.append(await receive())
        said: dict[str, Any] = json.loads(b"".join(each.get("body", b"") for each in messages) or b"{}")
        if said.get("method") == "tools/call":
            tool = str(said["params"]["name"])
            self.begun[key_of(tool, said["params"]["arguments"])] += 1
            while tool in self.held:  # noqa: ASYNC110 - a test in another thread takes it away
                await asyncio.sleep(0.01)
        replayed = iter(messages)

        async def again() -> Any:
            return next(replayed, None) or await receive()

        await self._app(scope, again, send)


def key_of(tool: str, arguments: dict[str, Any]) -> str:
    return f"{tool} {json.dumps(arguments, sort_keys=True)}"


@contextmanager
def counted_tools(home: Path) -> Generator[tuple[str, Calls]]:
    """Serve retrieval and SQL at an address, from a thread that no killed process takes with it."""
    import uvicorn

    from app.services.server import free_port
    from mcp_servers.http import http_app
    from mcp_servers.serve import Choice, combined

    home.mkdir(parents=True)
    port = free_port()
    served = combined(Settings(home=home, offline=True), Choice(toolsets=("retrieval", "sql")))
    calls = Calls(http_app(served, port))
    server = uvicorn.Server(uvicorn.Config(calls, port=port, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}/mcp", calls
    server.should_exit = True
    thread.join(10)


class Product:
    """`lyceum` in processes of its own, on a home of its own."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LYCEUM_")}
        known = {"HOME": str(home), "OFFLINE": "true", **settings}
        self.environment = clean | {f"LYCEUM_{name}": value for name, value in known.items()}

    def start(self, *words: str, told: Path | None = None) -> subprocess.Popen[str]:
        """Start a command; `told` is a file for its standard error, to be read while it works."""
        command = [str(Path(sys.executable).parent / "lyceum"), *words]
        with told.open("w") if told else nullcontext(subprocess.PIPE) as err:
            return subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
            )

    def run(self, *words: str, seconds: float = 120) -> tuple[int, str, str]:
        process = self.start(*words)
        said, told = process.communicate(timeout=seconds)
        return process.returncode, said, told

    def rows(self, query: str, *values: str) -> list[Any]:
        if not (self.home / "runs.db").is_file():
            return []
        database = sqlite3.connect(f"file:{self.home / 'runs.db'}?mode=ro", uri=True)
        try:
            return database.execute(query, values).fetchall()
        except sqlite3.OperationalError:  # it has no tables yet
            return []
        finally:
            database.close()

    def run_id(self) -> str:
        """Return the id of the one run there is, as soon as there is one."""
        wait_for(lambda: bool(self.rows("SELECT id FROM runs")), "a run")
        [(run,)] = self.rows("SELECT id FROM runs")
        return run

    def status(self, run: str) -> str:
        return self.rows("SELECT status FROM runs WHERE id = ?", run)[0][0]

    def events(self, run: str) -> list[dict[str, Any]]:
        rows = self.rows("SELECT event FROM events WHERE run = ? ORDER BY seq", run)
        return [json.loads(body) for (body,) in rows]

    def count(self, run: str) -> int:
        return self.rows("SELECT COUNT(*) FROM events WHERE run = ?", run)[0][0]

    def journal(self, run: str) -> dict[str, tuple[Any, ...]]:
        rows = self.rows("SELECT key, at, arguments, result FROM journal WHERE run = ?", run)
        return {key: tuple(rest) for key, *rest in rows}

    def report(self, run: str) -> str:
        return (self.home / "reports" / run / "report.md").read_text(encoding="utf-8")


def finished_calls(events: list[dict[str, Any]]) -> Counter[str]:
    """Return the calls that are on record as finished, by tool and arguments; sources that were opened by tool."""
    called = {event["call"]: key_of(event["tool"], event["arguments"]) for event in events if "arguments" in event}
    done = Counter(called[event["call"]] for event in events if event["kind"] == "tool_returned")
    notes = [event["text"] for event in events if event["kind"] == "note"]
    done["retrieval_ingest"] += sum(note.startswith("docs ") for note in notes)
    done["sql_attach"] += sum(note.startswith("sql ") for note in notes)
    return done


def check_nothing_again(snapshots: list[tuple[Counter[str], Counter[str]]], begun: Counter[str]) -> None:
    """Assert that no call which was on record as finished at a kill reached its server once more after it.

    A snapshot is (calls on record as finished, calls that had reached a server); the last one is the finished run's.
    """
    final, _ = snapshots[-1]
    for done, before in snapshots[:-1]:
        for call, times in final.items():
            if done[call] == times:
                now, then = (
                    sum(count for key, count in each.items() if key == call or key.startswith(f"{call} "))
                    for each in (begun, before)
                )
                assert now == then, f"{call} was finished, and was made again"


def wait_for(reached: Callable[[], bool], what: str, seconds: float = 300) -> None:
    ends = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < ends, f"{what} did not come"
        time.sleep(0.005)


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()
