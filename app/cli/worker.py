"""`lyceum worker`: drives runs that were started elsewhere, or were left by a process that died."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from functools import partial
from typing import TYPE_CHECKING

from app.cli.terminal import say
from lyceum.errors import OperatorError
from lyceum.settings import Settings

if TYPE_CHECKING:
    from app.wiring import App
    from lyceum.runs import Run

GRACE_SECONDS = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=["journal", "temporal"], help="whose runs (default: the `engine` setting)")
    parser.add_argument("--concurrency", type=int, default=4, metavar="N", help="runs (Temporal: steps) at a time")
    parser.add_argument("--once", action="store_true", help="journal: end when nothing is due")
    parser.add_argument("--model", metavar="M", help="who answers; see `lyceum models list`")
    parser.add_argument("--offline", action="store_true", help="use the offline engine")


def run(args: argparse.Namespace, settings: Settings) -> int:
    work = _temporal if settings.engine == "temporal" else _journal
    return asyncio.run(work(args, settings))


async def _journal(args: argparse.Namespace, settings: Settings) -> int:
    from app.schedules import embedded_schedules
    from app.wiring import wire
    from app.worker import JournalWorker

    stop = _asked_to_stop()
    async with wire(settings.model_copy(update={"engine": "journal"})) as app:
        with embedded_schedules(app) as schedules:
            worker = JournalWorker(
                app.journal, concurrency=args.concurrency, tell=say, schedules=schedules, ended=partial(_kept, app)
            )
            say(f"working on the runs of {settings.home}; Ctrl-C ends this, and loses nothing")
            await worker.run(stop, once=args.once)
            left = await worker.let_go(GRACE_SECONDS)
        if left:
            # Cancelling them would end them; a driver that is gone leaves them to the next one.
            say(f"{left} runs are left as they are; the next worker goes on with them")
            os._exit(0)
    return 0


async def _kept(app: App, run: Run) -> None:
    """Leave the report of a research that ended here where the command leaves it."""
    if run.flow != "deep_research" or run.status not in ("done", "limit"):
        return
    from app.report.files import last_answer, report_of, write_report

    answer = await last_answer(app.store, run.id)
    report = report_of(answer) if answer is not None else None
    if answer is not None and report is not None:
        line = await write_report(answer, report, app.settings.home / "reports" / run.id, app.settings)
        say(f"{line}; {len(report.changes)} changes" if report.since else line)


async def _temporal(args: argparse.Namespace, settings: Settings) -> int:
    from app.wiring import FLOWS, wire
    from lyceum.extras import install_command

    try:
        from workflows.engines.temporal.connection import connect, register_search_attributes
        from workflows.engines.temporal.worker import make_worker
    except ModuleNotFoundError:
        raise OperatorError("Temporal's SDK is not installed.", next_step=install_command("temporal")) from None
    stop = _asked_to_stop()
    given = settings.temporal
    async with wire(settings.model_copy(update={"engine": "temporal"})) as app:
        client = await connect(given, app.runtime)
        if given.search_attributes:
            await register_search_attributes(client)
        worker = await make_worker(client, app.runtime, FLOWS, given, concurrency=args.concurrency)
        say(
            f"working on {given.task_queue} at {given.address} ({given.namespace}); Ctrl-C ends this, and loses nothing"
        )
        async with worker:
            await stop.wait()
    return 0


def _asked_to_stop() -> asyncio.Event:
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    return stop
