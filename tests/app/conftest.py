"""A seat at the terminal: in process for what commands do, on a real pseudo-terminal for what keys do."""

from __future__ import annotations

import asyncio
import fcntl
import io
import json
import os
import pty
import re
import select
import struct
import sys
import termios
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from tests.serving import serving

COMMAND = "import sys; from app.cli import main; sys.exit(main())"
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[@-Z\\-_])")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever waits for a real terminal is slow."""
    for item in items:
        if "terminal" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


class Seat:
    """Someone who types into a conversation and reads what it prints, on a wired product."""

    def __init__(self, app: Any, talk: Any, keys: Any, shown: io.StringIO) -> None:
        self.app = app
        self.talk = talk
        self.chat: Any = None
        self.type = keys.send_text
        self._shown = shown

    @property
    def read(self) -> str:
        return ESCAPES.sub("", self._shown.getvalue()).replace("\r", "")

    async def until(self, found: str | Callable[[], bool], seconds: float = 25) -> None:
        """Wait until a text was printed, or a condition holds."""
        met = found if callable(found) else lambda: found in self.read
        async with asyncio.timeout(seconds):
            while not met():  # noqa: ASYNC110 - it looks at a screen, which tells nobody when it changes
                await asyncio.sleep(0.01)


@pytest.fixture
def seat(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Seat]]:
    """Open a conversation, offline, at a home that outlives it; it is left by Ctrl-D when the block ends."""

    @asynccontextmanager
    async def seat(
        *, thread: str = "", answers: Mapping[str, bool] | None = None, offline: bool = True, **settings: Any
    ) -> AsyncGenerator[Seat]:
        from prompt_toolkit.application import create_app_session
        from prompt_toolkit.data_structures import Size
        from prompt_toolkit.input import create_pipe_input
        from prompt_toolkit.output.vt100 import Vt100_Output

        from app.cli.interactive import Chat
        from app.cli.progress import Progress
        from app.cli.slash import Conversation
        from app.wiring import wire
        from lyceum.settings import Settings

        progress, shown = Progress(), io.StringIO()
        output = Vt100_Output(shown, lambda: Size(rows=40, columns=120), enable_cpr=False)
        given = Settings(home=tmp_path / "home", offline=offline, **settings)
        with create_pipe_input() as keys, create_app_session(input=keys, output=output):
            async with wire(given, listen=progress) as app:
                talk = Conversation(app, thread or (await app.store.create_thread("talk")).id)
                at = Seat(app, talk, keys, shown)
                at.chat = Chat(talk, progress, answers or {})
                holding = asyncio.ensure_future(at.chat.hold())
                try:
                    yield at
                    keys.send_text("\x04")
                    async with asyncio.timeout(40):
                        await holding
                finally:
                    holding.cancel()
                    await asyncio.gather(holding, return_exceptions=True)

    return seat


class Terminal:
    """The command on a pseudo-terminal; `seen` is everything it wrote, escape sequences included."""

    def __init__(self, arguments: tuple[str, ...], environment: dict[str, str], columns: int, folder: Path) -> None:
        self.pid, self._end = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve(sys.executable, [sys.executable, "-c", COMMAND, *arguments], environment)
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
        self.seen = ""
        self._mark = 0
        self._code: int | None = None

    @property
    def read(self) -> str:
        return ESCAPES.sub("", self.seen)

    def type(self, text: str) -> None:
        os.write(self._end, text.encode())

    def until(self, pattern: str, seconds: float = 40) -> None:
        """Wait until a pattern comes after the last one that was waited for."""
        deadline = time.monotonic() + seconds
        while (found := re.compile(pattern).search(self.read, self._mark)) is None:
            if time.monotonic() > deadline or not self._more():
                raise AssertionError(f"{pattern!r} never came; there was:\n{self.read[self._mark :]}")
        self._mark = found.end()

    def leaves(self, seconds: float = 40) -> int:
        """Wait for the end of the process and return its exit code."""
        deadline = time.monotonic() + seconds
        while self._code is None:
            self._more()
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self._code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > deadline:
                raise AssertionError(f"it stayed; there was:\n{self.read[self._mark :]}")
        while self._more():
            pass
        return self._code

    def close(self) -> None:
        if self._code is None:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self._end)

    def _more(self) -> bool:
        if not select.select([self._end], [], [], 0.05)[0]:
            return self._code is None
        try:
            came = os.read(self._end, 65536).decode(errors="replace")
        except OSError:  # the other end is closed
            return False
        if "\x1b[6n" in came:  # it asks where the cursor is
            os.write(self._end, b"\x1b[1;1R")
        self.seen += came
        return bool(came)


@pytest.fixture
def terminal(tmp_path: Path) -> Generator[Callable[..., Terminal]]:
    """Start `lyceum` with arguments on a pseudo-terminal, in an empty folder and a home of its own."""
    opened: list[Terminal] = []
    folder = tmp_path / "here"
    folder.mkdir()

    def start(*arguments: str, columns: int = 100, **variables: str) -> Terminal:
        known = {name: os.environ[name] for name in ("PATH", "LYCEUM_HOME", "PYTHONPATH") if name in os.environ}
        environment = {**known, "HOME": str(tmp_path), "TERM": "xterm", "LC_ALL": "C.UTF-8", **variables}
        environment.setdefault("PYTHONPATH", str(Path(__file__).parents[2]))
        opened.append(Terminal(arguments, environment, columns, folder))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.fixture
def slow_model() -> Generator[Mapping[str, str]]:
    """A provider's stand-in on loopback that writes its typed answer word by word for ten seconds; its settings."""
    words = " ".join(f"word{number}" for number in range(100))
    arguments = json.dumps({"claims": [{"text": words, "citations": []}]})

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for place in range(0, len(arguments), 7):
                function = {"arguments": arguments[place : place + 7], "name": "final_result" if not place else None}
                call = {"index": 0, "id": "call-1", "type": "function", "function": function}
                choice = {"index": 0, "delta": {"role": "assistant", "tool_calls": [call]}, "finish_reason": None}
                chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
                try:
                    self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                    self.wfile.flush()
                except OSError:  # the client went away, as it should when it is stopped
                    return
                time.sleep(0.08)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with serving(Handler) as url:
        yield {"LYCEUM_PROVIDER__BASE_URL": f"{url}/v1", "LYCEUM_MODEL": "openai-compatible:slow"}


class Execution(BaseModel):
    """What a run printed."""

    stdout: str = Field(description="What it printed.")
    tier: str = Field(description="Where it ran.")


class Careful:
    """A remote sandbox whose tool is declared to change the world; `ran` is the code that it was made to run."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.url = ""

    @property
    def settings(self) -> dict[str, str]:
        return {"sandbox": self.url}


@pytest.fixture
def careful() -> Generator[Careful]:
    """Serve that sandbox over HTTP on loopback for as long as the test runs."""
    import uvicorn

    from mcp_servers.server import ToolServer

    kept = Careful()
    server = ToolServer("sandbox", instructions="Runs code on another machine.")

    @server.expose(title="Run Python", effect="destroy", open_world=True)
    async def sandbox_run(code: str = Field(description="Python source.")) -> Execution:
        """Run Python on a machine that keeps what it does."""
        kept.ran.append(code)
        return Execution(stdout=f"ran {code}", tier="remote")

    class Quiet(uvicorn.Server):
        def install_signal_handlers(self) -> None: ...

    serving = Quiet(uvicorn.Config(server.streamable_http_app(), host="127.0.0.1", port=0, log_level="critical"))
    thread = threading.Thread(target=serving.run, daemon=True)
    thread.start()
    while not serving.started:
        time.sleep(0.01)
    port = serving.servers[0].sockets[0].getsockname()[1]
    kept.url = f"http://127.0.0.1:{port}/mcp"
    yield kept
    serving.should_exit = serving.force_exit = True
    thread.join()
