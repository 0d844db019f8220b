"""The prompt line of a conversation: its keys, its history and what it completes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.shortcuts import CompleteStyle

FASTEST_REDRAW = 0.05  # seconds; a model may stream hundreds of pieces a second


class Talker(Protocol):
    """What the prompt calls: a line came, Ctrl-C, Ctrl-D; and what it draws."""

    def accept(self, line: str) -> None: ...
    def interrupt(self) -> None: ...
    def end(self) -> None: ...
    def message(self) -> Any: ...
    def toolbar(self) -> str: ...

    @property
    def answering_approval(self) -> bool: ...


class _Questions(FileHistory):
    """What was asked, for Ctrl-R and the arrow keys; answers to approvals are no questions."""

    def __init__(self, path: Path, talker: Talker) -> None:
        super().__init__(str(path))
        self._talker = talker

    def append_string(self, string: str) -> None:
        if not self._talker.answering_approval:
            super().append_string(string)


def prompt_session(talker: Talker, *, history: Path, commands: Iterable[str]) -> PromptSession[str]:
    """Return a prompt that stays while its lines are carried out; `talker` ends it with `app.exit`."""
    keys = KeyBindings()
    session: PromptSession[str] = PromptSession(
        talker.message,
        history=_Questions(history, talker),
        completer=WordCompleter(list(commands), sentence=True),
        complete_style=CompleteStyle.READLINE_LIKE,
        reserve_space_for_menu=0,
        refresh_interval=0.5,  # seconds: the clock of what is under way
        erase_when_done=True,
        bottom_toolbar=talker.toolbar,
        key_bindings=keys,
    )

    @keys.add("c-c")
    @keys.add("<sigint>")
    def _interrupt(_event: KeyPressEvent) -> None:  # pyright: ignore[reportUnusedFunction]  # bound by the decorator
        talker.interrupt()

    @keys.add("c-d", filter=Condition(lambda: not session.default_buffer.text))
    def _end(_event: KeyPressEvent) -> None:  # pyright: ignore[reportUnusedFunction]  # bound by the decorator
        talker.end()

    def accept(buffer: Buffer) -> bool:
        talker.accept(buffer.text)
        return False  # the line is cleared and the prompt stays

    session.default_buffer.accept_handler = accept
    session.app.min_redraw_interval = FASTEST_REDRAW
    # The terminal stays raw while something is printed above the prompt: a cooked one would take a Ctrl-D typed at that
    # moment for an end of input that nobody reads, and echo what is typed into the middle of an answer.
    session.app.input.cooked_mode = nullcontext
    return session
