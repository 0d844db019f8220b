"""`lyceum chat`: one question and its answer, or a conversation."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lyceum.errors import UserError, WaitsForApproval
from lyceum.settings import Settings

if TYPE_CHECKING:
    from app.cli.render import Progress
    from app.wiring import App

LONGEST_QUESTION = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", nargs="?", help="the question; - reads it from standard input")
    parser.add_argument("--attach", action="append", default=[], metavar="PATH", help="a file or folder to answer from")
    parser.add_argument("--agent", metavar="ROLE", help="ask this agent: planner, researcher, sql, coder, ...")
    parser.add_argument("--model", metavar="M", help="who answers, e.g. openai:gpt-5-mini; see `lyceum models list`")
    parser.add_argument("--offline", action="store_true", help="use the offline engine")
    parser.add_argument("-c", "--continue", dest="latest", action="store_true", help="continue the latest thread")
    parser.add_argument("--resume", metavar="THREAD", help="continue this thread")
    parser.add_argument("--json", action="store_true", help="the event log as JSON lines on standard output")
    parser.add_argument("--yes", action="store_true", help="approve every tool call of this turn")
    parser.add_argument("--approve", action="append", default=[], metavar="TOOL", help="approve calls of this tool")


def run(args: argparse.Namespace, settings: Settings) -> int:
    question = _question(args)
    return asyncio.run(_chat(args, settings, question))


def answer_once(settings: Settings, question: str) -> int:
    """Answer one question with the defaults of every option."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return asyncio.run(_chat(parser.parse_args([question]), settings, question))


def _question(args: argparse.Namespace) -> str | None:
    """Return the question, or None for a conversation; refuses what cannot be one."""
    piped = not sys.stdin.isatty()
    continuing = args.latest or args.resume
    if args.question == "-" or (args.question is None and piped and not continuing):
        try:
            question = sys.stdin.buffer.read().decode("utf-8")
        except UnicodeDecodeError as error:
            raise UserError(
                f"Standard input is not UTF-8 (byte {error.start}).", next_step="Convert it, e.g. iconv -t UTF-8."
            ) from None
    elif args.question is None:
        return None
    else:
        question = args.question
    if not question.strip():
        raise UserError("The question is empty.", next_step='Ask something: lyceum chat "Which genre sells most?"')
    if len(question) > LONGEST_QUESTION:
        raise UserError(
            f"The question has {len(question):,} characters; at most {LONGEST_QUESTION:,} fit.",
            next_step="Put the text into a file, attach it with --attach FILE and ask about it.",
        )
    # An argument with bytes that are no UTF-8 arrives as surrogates, which nothing further on can store.
    if any(0xD800 <= ord(character) <= 0xDFFF for character in question):
        raise UserError("The question is not valid UTF-8.", next_step="Retype it, or pipe it in as UTF-8.")
    return question


async def _chat(args: argparse.Namespace, settings: Settings, question: str | None) -> int:
    from app.cli.render import Progress
    from app.wiring import wire
    from models.offline import LABEL

    progress = Progress(as_json=args.json)
    async with wire(settings, listen=progress) as app:
        reason = app.runtime.models.reason
        app.runtime.models.get()  # a model that cannot be used is refused before anything is stored
        thread = await _thread(app, args, question)
        for path in args.attach:
            for attachment in await app.attach(thread, Path(path)):
                print(f"attached {attachment.kind} {attachment.name}", file=sys.stderr)
                for problem in attachment.problems:
                    print(f"  ! left out {problem}", file=sys.stderr)
        if not args.json:
            print(f"{LABEL}" if "offline engine" in reason else f"answered by {reason}", file=sys.stderr)
        unfinished = await _unfinished(app, thread) if args.latest or args.resume else None
        code = 0
        if unfinished:
            print(f"finishing run {unfinished}", file=sys.stderr)
            code = await _finish(app, args, progress, unfinished)
        if question is not None:
            code = await _ask(app, args, progress, thread, question)
        elif not unfinished:
            from app.cli.interactive import converse

            code = await converse(app, thread, agent=args.agent, approve=["*"] if args.yes else args.approve)
        return code


async def _thread(app: App, args: argparse.Namespace, question: str | None) -> str:
    if args.resume:
        return (await app.store.thread(args.resume)).id
    if args.latest:
        threads = await app.store.threads(limit=1)
        if not threads:
            raise UserError("There is no thread to continue.", next_step="Start one: lyceum chat QUESTION.")
        return threads[0].id
    return (await app.store.create_thread((question or "conversation").strip().splitlines()[0])).id


async def _unfinished(app: App, thread: str) -> str | None:
    runs = await app.store.runs(thread=thread, status=("queued", "running", "waiting"), limit=1)
    return runs[0].id if runs else None


async def _ask(app: App, args: argparse.Namespace, progress: Progress, thread: str, question: str) -> int:
    from workflows.chat_turn import ChatRequest

    request = ChatRequest(
        question=question, agent=args.agent, approve=["*"] if args.yes else args.approve, model="default"
    )
    return await _finish(app, args, progress, await app.engine.submit("chat_turn", request, thread=thread))


async def _finish(app: App, args: argparse.Namespace, progress: Progress, run_id: str) -> int:
    """Drive a run to its end and print its answer; a pipe never waits for an approval."""
    from app.cli.approval import decide_at_terminal
    from app.cli.render import print_answer

    run = await app.engine.drive(run_id)
    while run.status == "waiting" and sys.stdin.isatty() and not args.json:
        await decide_at_terminal(app.store, run_id)
        run = await app.engine.drive(run_id)
    if run.status == "waiting":
        raise WaitsForApproval(f"Run {run_id} waits for an approval.", next_step=f"lyceum runs approve {run_id}")
    if run.status in ("failed", "limit", "cancelled"):
        message, _, step = run.error.partition("\n")
        print(f"lyceum: {message or run.status}", file=sys.stderr)
        if step:
            print(f"  {step.strip()}", file=sys.stderr)
        wrong_request = progress.finished is not None and message.startswith("There is no agent")
        return {"limit": 4, "cancelled": 130}.get(run.status, 2 if wrong_request else 1)
    if progress.answer is not None and not args.json:
        print_answer(progress.answer, color=sys.stdout.isatty())
    return 0
