"""The prompt's keys on a real pseudo-terminal, at a moment that is hard to hit from outside."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import select
from collections.abc import Generator
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session, run_in_terminal
from prompt_toolkit.input import create_input
from prompt_toolkit.output import DummyOutput

from app.cli.prompt import prompt_session

KEYS = b"one more\r\x04"


class Listener:
    """Someone who notes what the keys do."""

    answering_approval = False

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ended = asyncio.Event()

    def accept(self, line: str) -> None:
        self.lines.append(line)

    def interrupt(self) -> None: ...

    def end(self) -> None:
        self.ended.set()

    def message(self) -> str:
        return "> "

    def toolbar(self) -> str:
        return ""


@pytest.fixture
def keyboard() -> Generator[tuple[int, io.TextIOWrapper]]:
    """Yield the two ends of a pseudo-terminal: where keys are pressed, and where they are read."""
    pressed, read = pty.openpty()
    with io.TextIOWrapper(io.FileIO(read)) as keys:
        yield pressed, keys
    os.close(pressed)


async def test_what_is_typed_while_an_answer_is_printed_is_read_as_it_was_typed(
    tmp_path: Path, keyboard: tuple[int, io.TextIOWrapper]
) -> None:
    pressed, keys = keyboard
    listener, started = Listener(), asyncio.Event()

    def press() -> None:
        os.write(pressed, KEYS)
        select.select([keys], [], [], 10)  # the terminal has taken them in before the printing ends

    with create_app_session(input=create_input(keys), output=DummyOutput()):
        session = prompt_session(listener, history=tmp_path / "history", commands=())
        prompting = asyncio.ensure_future(session.prompt_async(pre_run=started.set))
        await started.wait()
        await run_in_terminal(press)
        async with asyncio.timeout(10):
            await listener.ended.wait()
        session.app.exit(result="")
        await prompting
    assert listener.lines == ["one more"]
