"""`lyceum runs`: what was asked, how it went, and what still waits."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.slash import question_of
from app.cli.terminal import neutral, one_line, say
from lyceum.errors import UserError
from lyceum.settings import Settings

if TYPE_CHECKING:
    from app.wiring import App
    from lyceum.runs import Decision, Run, RunStore

ACTIONS = ["list", "show", "events", "watch", "approve", "deny", "note", "cancel", "resume", "fork", "schedule"]
RESEARCH = "deep_research"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument(
        "run",
        nargs="?",
        help="the run's id, or its first characters; with schedule: list, add, pause, resume, remove, now",
    )
    parser.add_argument(
        "text", nargs="?", help="what to tell the run, with note; what is meant, with approve; with schedule: the run"
    )
    parser.add_argument("--reason", default="", help="why, with deny")
    parser.add_argument("--edit", metavar="FILE", help="with approve: what to do instead, as JSON or YAML")
    parser.add_argument("--steps", action="store_true", help="with show: the steps that fork --from can name")
    parser.add_argument("--from", dest="step", metavar="STEP", help="with fork: keep what was finished before it")
    parser.add_argument("--every", metavar="TIME", help="with schedule add: how often, e.g. 6h, 1d, 1w")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(args: argparse.Namespace, settings: Settings) -> int:
    return asyncio.run(_runs(args, settings))


async def _runs(args: argparse.Namespace, settings: Settings) -> int:
    if args.action == "schedule":
        from app.cli.runs_schedule import schedule

        return await schedule(settings, args.run or "list", args.text or "", args.every, as_json=args.json)
    if args.action in ("watch", "note", "cancel", "resume", "fork") or (args.action == "show" and args.steps):
        return await _driven(args, settings)
    from app.stores import close_store, open_store

    store = open_store(settings)  # reading needs no tool server
    try:
        match args.action:
            case "list":
                await _list(store, as_json=args.json)
            case "show" | "events":
                await _show(store, await _full_id(store, args.run), as_json=args.json or args.action == "events")
            case _:
                run_id = await _full_id(store, args.run)
                found = await store.run(run_id)
                if found.engine == "journal":
                    await _decide(store, store.decide, run_id, args)
                else:
                    await _decided_elsewhere(args, settings, run_id)
                if found.flow == RESEARCH:
                    from app.cli.research import go_on

                    return await go_on(settings, found, as_json=args.json)
                print(f"decided; continue with `lyceum runs resume {run_id}`")
    finally:
        await close_store(store)
    return 0


async def _driven(args: argparse.Namespace, settings: Settings) -> int:
    from app.cli.progress import Progress
    from app.wiring import wire

    progress = Progress(as_json=args.json)
    if args.action == "resume" and (research := await _research(args, settings)) is not None:
        from app.cli.research import go_on

        return await go_on(settings, research, as_json=args.json)
    async with wire(settings, listen=progress) as app:
        run_id = await _full_id(app.store, args.run)
        match args.action:
            case "watch":
                async for event in app.engine.watch(run_id):
                    progress(event)
            case "note":
                await app.engine.send(run_id, "steer", args.text or "")
                print(f"told {run_id}; it takes this up at its next stage")
            case "cancel":
                await app.engine_of(await app.store.run(run_id)).cancel(run_id)
            case "resume":
                from app.cli.chat import finish

                stopped = await app.store.run(run_id)
                if stopped.status in ("failed", "cancelled", "limit"):  # what failed is tried again, the rest stays
                    await app.engine_of(stopped).retry(run_id)
                return await finish(app, progress, {}, run_id)
            case "show":
                await _steps(app, run_id, as_json=args.json)
            case _:
                old = await app.store.run(run_id)
                if args.step:
                    new = await app.engine_of(old).fork(run_id, args.step)
                    events = await app.store.events(new)
                    say(f"keeps {len(events) - 1} events of {run_id}; go on with `lyceum runs resume {new}`")
                else:
                    new = await app.engine.submit(old.flow, old.input, thread=old.thread)
                print(new)
    return 0


async def _steps(app: App, run_id: str, *, as_json: bool) -> None:
    """Print where a fork of a run can begin, what is done in branches indented."""
    steps = await app.engine_of(await app.store.run(run_id)).steps(run_id)
    if as_json:
        print(json.dumps(steps, indent=2))
        return
    for step in steps:
        print(f"{'  ' * (step.count('/') // 2)}{step}")


async def _research(args: argparse.Namespace, settings: Settings) -> Run | None:
    """Return the run where it is one of research, which has a face and limits of its own."""
    from app.stores import close_store, open_store

    store = open_store(settings)
    try:
        found = await store.run(await _full_id(store, args.run))
    finally:
        await close_store(store)
    return found if found.flow == RESEARCH else None


async def _list(store: RunStore, *, as_json: bool) -> None:
    found = await store.runs()
    if as_json:
        print(json.dumps([each.model_dump(mode="json") for each in found], indent=2))
        return
    for each in found:
        print(f"{each.id}  {each.status:<9} {each.created:%Y-%m-%d %H:%M}  {one_line(question_of(each), 80)}")


async def _full_id(store: RunStore, start: str | None) -> str:
    if not start:
        raise UserError("Name the run.", next_step="See `lyceum runs list`.")
    found = [each.id for each in await store.runs(limit=10_000) if each.id.startswith(start)]
    if len(found) != 1:
        what = "No run starts" if not found else f"{len(found)} runs start"
        raise UserError(f"{what} with {start!r}.", next_step="See `lyceum runs list`.")
    return found[0]


async def _show(store: RunStore, run_id: str, *, as_json: bool) -> None:
    from app.cli.progress import Progress
    from app.cli.render import print_answer

    progress = Progress(as_json=as_json, tell=lambda line: print(neutral(line)))
    for event in await store.events(run_id):
        progress(event)
    if progress.answer is not None and not as_json:
        print_answer(progress.answer)


async def _decided_elsewhere(args: argparse.Namespace, settings: Settings, run_id: str) -> None:
    """Tell the run itself: on Temporal it keeps its own questions."""
    from app.wiring import wire

    async with wire(settings) as app:
        engine = app.engine_of(await app.store.run(run_id))
        await _decide(app.store, engine.decide, run_id, args)


async def _decide(
    store: RunStore, decide: Callable[[str, str, Decision], Awaitable[object]], run_id: str, args: argparse.Namespace
) -> None:
    from app.cli.research_approval import put_clearly, read_answer
    from lyceum.runs import Decision

    pending = await store.approvals(run=run_id)
    if not pending:
        raise UserError(f"Run {run_id} asks for no approval.", next_step=f"See `lyceum runs show {run_id}`.")
    for approval in pending:
        if args.text and args.action == "approve":
            decision = put_clearly(approval, args.text)
        else:
            edited = read_answer(Path(args.edit), approval.edits) if args.edit else None
            decision = Decision(approved=args.action == "approve", reason=args.reason, edited=edited)
        await decide(run_id, approval.id, decision)
