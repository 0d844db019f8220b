"""`lyceum team`: a task for the whole team, whose answer a person accepts."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from app.cli.given import check_text
from app.cli.terminal import say
from lyceum.errors import UserError
from lyceum.settings import Settings

LONGEST_TASK = 100_000
LIMITS = ("tokens", "dollars", "calls")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", help="what is to be done")
    parser.add_argument("--attach", action="append", default=[], metavar="PATH", help="a file or folder to work from")
    parser.add_argument("--model", metavar="M", help="who answers; see `lyceum models list`")
    parser.add_argument("--offline", action="store_true", help="use the offline engine")
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="how often refused work is done again")
    parser.add_argument("--budget", action="append", default=[], metavar="KEY=VALUE", help="tokens, dollars, calls")
    parser.add_argument("--engine", choices=("journal", "temporal"), help="where it runs; default as the settings say")
    parser.add_argument("--json", action="store_true", help="the event log as JSON lines on standard output")
    parser.add_argument("--yes", action="store_true", help="accept the answer, and approve every tool call")
    parser.add_argument(
        "--approve", action="append", default=[], metavar="TOOL[=yes|no]", help="answer the approvals of this tool"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    if not args.task.strip():
        raise UserError("The task is empty.", next_step='Say what is to be done: lyceum team "..."')
    instead = "Put the text into a file and attach it with --attach FILE."
    check_text(args.task, "task", most=LONGEST_TASK, instead=instead)
    if not 0 <= args.rounds <= 3:
        raise UserError("--rounds is 0 to 3.", next_step="Leave it out for one round.")
    return asyncio.run(_team(args, settings, _budget(args.budget)))


def _budget(given: list[str]) -> dict[str, float]:
    budget: dict[str, float] = {}
    for each in given:
        name, _, value = each.partition("=")
        try:
            number = float(value) if name == "dollars" else int(value)
        except ValueError:
            number = 0
        if name not in LIMITS or not 0 < number < float("inf"):
            raise UserError(f"--budget {each} is no limit.", next_step=f"Write {', '.join(LIMITS)}=NUMBER.")
        budget[name] = number
    return budget


async def _team(args: argparse.Namespace, settings: Settings, budget: dict[str, float]) -> int:
    from app.cli.approval import standing
    from app.cli.chat import finish
    from app.cli.progress import Progress
    from app.wiring import wire
    from workflows.plan_execute_review import TeamRequest

    answers = standing(yes=args.yes, approve=args.approve)
    progress = Progress(as_json=args.json)
    request = TeamRequest.model_validate({"question": args.task, "rounds": args.rounds, "budget": budget})
    async with wire(settings, listen=progress) as app:
        app.runtime.models.get()  # a model that cannot be used is refused before anything is stored
        thread = (await app.store.create_thread(args.task.strip().splitlines()[0])).id
        for path in args.attach:
            for attachment in await app.attach(thread, Path(path)):
                say(f"attached {attachment.kind} {attachment.name}")
                for problem in attachment.problems:
                    say(f"  ! left out {problem}")
        if not args.json:
            say(f"answered by {app.runtime.models.reason}")
        run_id = await app.engine.submit("plan_execute_review", request, thread=thread)
        say(f"run {run_id}")
        return await finish(app, progress, answers, run_id)
