"""`lyceum chat`: one question and its answer, or a conversation."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.ending import exit_code
from app.cli.given import check_text
from app.cli.terminal import say
from lyceum.errors import Cancelled, UserError, WaitsForApproval
from lyceum.settings import Settings

if TYPE_CHECKING:
    from app.cli.progress import Progress
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
    parser.add_argument("--incognito", action="store_true", help="know nothing from before and leave nothing behind")
    parser.add_argument("--json", action="store_true", help="the event log as JSON lines on standard output")
    parser.add_argument("--yes", action="store_true", help="approve every tool call of this turn")
    parser.add_argument(
        "--approve", action="append", default=[], metavar="TOOL[=yes|no]", help="answer the approvals of this tool"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    question = _question(args)
    if question is None and not args.model and sys.stdin.isatty():
        from app.cli.first_run import ask_what_there_is

        ask_what_there_is(settings)
    if args.incognito:
        return _incognito(args, settings, question)
    return asyncio.run(_chat(args, settings, question))


def _incognito(args: argparse.Namespace, settings: Settings, question: str | None) -> int:
    """Talk on a home that ends with the conversation: its thread, its memory and what was attached go with it."""
    from app.front_door import passing_home

    if args.latest or args.resume:
        raise UserError("An incognito conversation continues nothing.", next_step="Leave out -c and --resume.")
    say("incognito: nothing from before is known, and nothing is kept")
    with passing_home(settings, "models") as passing:
        return asyncio.run(_chat(args, passing, question))


def answer_once(settings: Settings, question: str) -> int:
    """Answer one question with the defaults of every option."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return asyncio.run(_chat(parser.parse_args([question]), settings, question))


def _question(args: argparse.Namespace) -> str | None:
    """Return the question, or None for a conversation or a run to finish; refuses what cannot be a question."""
    continuing = args.latest or args.resume
    if args.question == "-" or (args.question is None and not continuing and not sys.stdin.isatty()):
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
    instead = "Put the text into a file, attach it with --attach FILE and ask about it."
    check_text(question, "question", most=LONGEST_QUESTION, instead=instead)
    return question


async def _chat(args: argparse.Namespace, settings: Settings, question: str | None) -> int:
    from app.cli.approval import standing
    from app.cli.progress import Progress
    from app.cli.slash import Conversation, unfinished
    from app.wiring import wire
    from models.offline import LABEL

    answers = standing(yes=args.yes, approve=args.approve)
    progress = Progress(as_json=args.json)
    async with wire(settings, listen=progress) as app:
        reason = app.runtime.models.reason
        app.runtime.models.get()  # a model that cannot be used is refused before anything is stored
        thread = await _thread(app, args, question)
        for path in args.attach:
            await _attach(app, thread, Path(path))
        if not args.json:
            say(LABEL if "offline engine" in reason else f"answered by {reason}")
        left = await unfinished(app.store, thread) if args.latest or args.resume else ""
        talking = question is None and sys.stdin.isatty() and not args.json
        if talking:
            from app.cli.interactive import converse

            if not (args.attach or args.latest or args.resume):
                await _offer_folder(app, thread)
            return await converse(Conversation(app, thread, args.agent), progress, answers, unfinished=left)
        code = 0
        if left:
            say(f"finishing run {left}")
            code = await finish(app, progress, answers, left)
        if question is not None:
            return await finish(app, progress, answers, await _submit(app, args, thread, question))
        if not left:
            raise UserError("There is nothing to finish and no question.", next_step="lyceum chat -c QUESTION")
        return code


async def _attach(app: App, thread: str, path: Path) -> None:
    for attachment in await app.attach(thread, path):
        say(f"attached {attachment.kind} {attachment.name}")
        for problem in attachment.problems:
            say(f"  ! left out {problem}")


async def _offer_folder(app: App, thread: str) -> None:
    from app.cli.first_run import offer_folder

    if await asyncio.to_thread(offer_folder, app.settings.home, Path.cwd()):
        await _attach(app, thread, Path.cwd())


async def _thread(app: App, args: argparse.Namespace, question: str | None) -> str:
    if args.resume:
        return (await app.store.thread(args.resume)).id
    if args.latest:
        threads = await app.store.threads(limit=1)
        if not threads:
            raise UserError("There is no thread to continue.", next_step="Start one: lyceum chat QUESTION.")
        return threads[0].id
    return (await app.store.create_thread((question or "conversation").strip().splitlines()[0])).id


async def _submit(app: App, args: argparse.Namespace, thread: str, question: str) -> str:
    from workflows.chat_turn import ChatRequest

    return await app.engine.submit("chat_turn", ChatRequest(question=question, agent=args.agent), thread=thread)


async def finish(app: App, progress: Progress, answers: Mapping[str, bool], run_id: str) -> int:
    """Drive a run to its end and print its answer; a pipe never waits for an approval, and Ctrl-C loses nothing."""
    from app.cli.approval import carry_out, person
    from app.cli.render import print_answer
    from app.cli.stopping import until_interrupted

    progress.begin()
    asks = sys.stdin.isatty() and not progress.as_json
    run = await until_interrupted(carry_out(app, run_id, answers, person if asks else None))
    if run is not None and run.status == "done" and progress.answer is None:  # somebody else had ended it
        for event in await app.store.events(run_id):
            progress(event)
    if progress.answer is not None and not progress.as_json:
        print_answer(progress.answer)
    return exit_code(
        run,
        stopped=Cancelled("Stopped; what was said so far is kept.", next_step="Go on with `lyceum chat -c`."),
        waits=WaitsForApproval(
            f"Run {run_id} waits for an approval.",
            next_step=f"lyceum runs approve {run_id} (or deny), then "
            + ("lyceum chat -c" if run is None or run.flow == "chat_turn" else f"lyceum runs resume {run_id}"),
        ),
    )
