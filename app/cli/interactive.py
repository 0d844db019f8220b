"""The conversation at a terminal: one prompt that is always there, and turns that run above it.

What is typed while a turn runs is queued. Everything finished is printed and scrolls away as usual; only the plan, the
calls under way and the draft of an answer are redrawn, just above the prompt.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from typing import Any

from app.cli.approval import carry_out, decide_at_terminal
from app.cli.errors import complain, report_bug
from app.cli.progress import Progress
from app.cli.prompt import prompt_session
from app.cli.render import print_answer
from app.cli.slash import COMMANDS, Conversation, command, usage
from app.cli.stopping import abandon_threads
from app.cli.terminal import neutral, one_line, say
from lyceum.errors import LyceumError, WaitsForApproval
from lyceum.runs import Approval, Decision, Run

PROMPT = "› "
WELCOME = "Ask a question; /help lists commands. Ctrl-C stops a turn, twice leaves; Ctrl-R searches what you asked."


class Chat:
    """A conversation: `lines` holds what was typed and not yet carried out."""

    def __init__(self, talk: Conversation, progress: Progress, answers: Mapping[str, bool]) -> None:
        self.talk = talk
        self.progress = progress
        self.answers = answers
        self.lines: list[str] = []
        self.code = 0
        self._came = asyncio.Event()
        self._turn: asyncio.Task[Run] | None = None
        self._question: tuple[str, asyncio.Future[str]] | None = None
        self._interrupted = False
        self._status = ""
        self._session = prompt_session(self, history=talk.app.settings.home / "prompt-history", commands=COMMANDS)
        progress.live = True
        progress.changed = self._session.app.invalidate

    async def hold(self, first: str = "") -> int:
        """Talk until /quit, the end of input or a second Ctrl-C; returns the exit code."""
        from prompt_toolkit.patch_stdout import patch_stdout

        say(WELCOME)
        with patch_stdout(raw=True):
            worker = asyncio.ensure_future(self._work(first))
            try:
                await self._session.prompt_async()
            finally:
                worker.cancel()
                await asyncio.gather(worker, return_exceptions=True)
                abandon_threads()
        return self.code

    # what the keys do

    def accept(self, line: str) -> None:
        """Take a line: the answer to a question that is open, else the next thing to carry out."""
        self._interrupted = False
        if self._question is not None and not self._question[1].done():
            self._question[1].set_result(line)
        elif line.strip():
            self.lines.append(line.strip())
            self._came.set()

    def interrupt(self) -> None:
        """Ctrl-C: stop the turn, else clear the line; a second one in a row leaves."""
        buffer = self._session.default_buffer
        if self._interrupted:
            self._leave(130)
        elif self._turn is not None:
            dropped, self.lines = self.lines, []
            for line in dropped:
                say(f"not asked: {one_line(line)}")
            self._turn.cancel()
        elif not buffer.text:
            say("Ctrl-C again leaves.")
        buffer.reset()
        self._interrupted = True

    def end(self) -> None:
        """Ctrl-D: nobody will answer an open question; otherwise leave when everything queued is done."""
        if self._question is not None and not self._question[1].done():
            self._question[1].set_exception(EOFError())
        else:
            self.accept("/quit")

    def _leave(self, code: int) -> None:
        self.code = code
        if not self._session.app.is_done:
            self._session.app.exit(result="")

    @property
    def answering_approval(self) -> bool:
        return self._question is not None

    async def read(self, prompt: str, default: str) -> str:
        """Ask something at the prompt; what was being typed there comes back afterwards."""
        from prompt_toolkit.document import Document

        buffer = self._session.default_buffer
        typed = buffer.document
        buffer.set_document(Document(default))
        self._question = (prompt, asyncio.get_running_loop().create_future())
        self._session.app.invalidate()
        try:
            return await self._question[1]
        finally:
            self._question = None
            buffer.set_document(typed)

    # what is done with a line

    async def _work(self, unfinished: str) -> None:
        await self._settle()
        if unfinished:
            await self._guarded(self._finish(unfinished))
        while not self.talk.left:
            while not self.lines:
                self._came.clear()
                await self._came.wait()
            line = self.lines.pop(0)
            print(f"{PROMPT}{neutral(line)}")
            await self._guarded(self._command(line) if line.startswith("/") else self._ask(line))
        self._leave(self.code)

    async def _guarded(self, work: Any) -> None:
        """Carry out one line; whatever goes wrong is told and the conversation goes on."""
        try:
            await work
        except WaitsForApproval as error:
            complain(error)
            self._leave(error.exit_code)
        except LyceumError as error:
            complain(error)
        except Exception as error:  # noqa: BLE001 - a bug in one command must not end the conversation
            report_bug(error)
        await self._settle()

    async def _settle(self) -> None:
        """Read the thread's totals for the status line."""
        tokens, cost = await usage(self.talk)
        used = [] if not (full := _share(self.progress)) else [full]
        self._status = " · ".join([*used, f"{tokens:,} tokens", *([] if cost is None else [f"${cost:.4f}"])])
        self.progress.begin()

    async def _command(self, line: str) -> None:
        if told := await command(self.talk, line):
            print(neutral(told))
        if self.talk.unfinished:
            unfinished, self.talk.unfinished = self.talk.unfinished, ""
            await self._finish(unfinished)

    async def _ask(self, question: str) -> None:
        from workflows.chat_turn import ChatRequest

        talk = self.talk
        request = ChatRequest(question=question, agent=talk.agent, plan=talk.plan, model=talk.model)
        await self._finish(await talk.app.engine.submit("chat_turn", request, thread=talk.thread))

    async def _finish(self, run_id: str) -> None:
        """Drive a run to its end, or until Ctrl-C; a partial answer is shown like any other."""
        app, progress = self.talk.app, self.progress
        self._turn = asyncio.ensure_future(carry_out(app, run_id, self.answers, self._decide))
        try:
            run = await self._turn
        except asyncio.CancelledError:
            if _leaving():
                raise  # awaiting the turn passed the cancellation on to it
            abandon_threads()
            if (await app.store.run(run_id)).status == "waiting":
                await app.engine.cancel(run_id)
            run = await app.store.run(run_id)
        finally:
            self._turn = None
        if progress.answer is not None:
            print_answer(progress.answer)
        if run.status == "waiting":
            raise WaitsForApproval(f"Run {run_id} waits for an approval.", next_step=f"lyceum runs approve {run_id}")
        if run.status in ("failed", "limit"):
            message, _, step = run.error.partition("\n")
            complain(LyceumError(message or run.status, next_step=step.strip()))
        elif run.status != "done":
            say("stopped")

    async def _decide(self, approval: Approval) -> Decision | None:
        return await decide_at_terminal(self.read, approval)

    # what is drawn

    def message(self) -> Any:
        """Return what stands above and before the cursor."""
        from prompt_toolkit.formatted_text import ANSI

        size = shutil.get_terminal_size()
        lines: list[str] = []
        if self._turn is not None and self._question is None:
            lines = self.progress.drawn(size.columns, max(3, size.lines // 2)).split("\n")
        lines += [f"\x1b[2mqueued: {one_line(line, size.columns - 10)}\x1b[0m" for line in self.lines]
        return ANSI("\n".join([*lines, self._question[0] if self._question else PROMPT]))

    def toolbar(self) -> str:
        """Return the status line: who answers, how full its context is, what the thread has used."""
        shown = [self.talk.answering, self._status]
        if self._turn is not None:
            shown.append("Ctrl-C stops")
        return one_line(" · ".join(part for part in shown if part), shutil.get_terminal_size().columns - 1)


def _share(progress: Progress) -> str:
    """Return how full the context of the last request was, where the model's window is known."""
    from genai_prices import Usage, calc_price

    if not progress.context_tokens:
        return ""
    try:
        window = calc_price(Usage(), model_ref=progress.model).model.context_window
    except LookupError:
        return ""
    return f"context {progress.context_tokens / window:.0%}" if window else ""


def _leaving() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def converse(talk: Conversation, progress: Progress, answers: Mapping[str, bool], *, unfinished: str = "") -> int:
    """Hold a conversation in a thread; a run that it left unfinished is finished first."""
    return await Chat(talk, progress, answers).hold(unfinished)
