"""The conversation at a terminal: ask, watch, stop, go on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

from app.cli.approval import decide_at_terminal
from app.cli.render import print_answer
from app.cli.slash import COMMANDS, Conversation, command, turns, usage
from lyceum.errors import LyceumError
from lyceum.events import Answered

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

    from app.wiring import App

STOPPED = "[stopped]"


async def converse(app: App, thread: str, *, agent: str | None = None, approve: list[str] | None = None) -> int:
    """Ask, answer, ask again, until the end of input, /quit or Ctrl-C at the prompt."""
    os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")  # it draws a picture into the conversation
    talk = Conversation(app, thread, agent)
    session = _session(talk)
    print("Ask a question; /help lists commands. Ctrl-C stops a turn, Ctrl-R searches your questions.", file=sys.stderr)
    while not talk.left:
        tokens, cost = await usage(talk)
        price = "" if cost is None else f" · ${cost:.4f}"
        toolbar = f" {app.runtime.models.reason} · {tokens:,} tokens{price} "
        try:
            line = (await session.prompt_async("› ", bottom_toolbar=toolbar)).strip()
        except (EOFError, KeyboardInterrupt):
            return 0
        try:
            if line.startswith("/"):
                print(await command(talk, line))
            elif line:
                await turn(talk, line, approve or [])
        except LyceumError as error:
            print(f"{error.message}\n  {error.next_step}", file=sys.stderr)
    return 0


async def turn(talk: Conversation, question: str, approve: list[str]) -> None:
    """Answer one question; Ctrl-C stops it and leaves a history that says so."""
    from workflows.chat_turn import ChatRequest

    app = talk.app
    request = ChatRequest(question=question, agent=talk.agent, approve=approve)
    run_id = await app.engine.submit("chat_turn", request, thread=talk.thread)
    run = await _stoppable(talk, run_id)
    while run is not None and run.status == "waiting":
        await decide_at_terminal(app.store, run_id)
        run = await _stoppable(talk, run_id)
    if run is None:
        print("stopped; ask on", file=sys.stderr)
        return
    answer = (await turns(talk))[-1][1]
    if answer is None:
        print(run.error or run.status, file=sys.stderr)
    else:
        print_answer(answer, color=sys.stdout.isatty())


async def _stoppable(talk: Conversation, run_id: str):
    """Drive a run; return None when Ctrl-C stopped it, after noting that in the thread's history."""
    driving = asyncio.ensure_future(talk.app.engine.drive(run_id))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, driving.cancel)
    try:
        return await driving
    except asyncio.CancelledError:
        await talk.store.append(run_id, Answered(role="team", text=STOPPED, declined=True))
        return None
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _session(talk: Conversation) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory

    return PromptSession(
        history=FileHistory(str(talk.app.settings.home / "prompt-history")),
        completer=WordCompleter(list(COMMANDS), sentence=True),
        complete_while_typing=False,
    )
