"""`lyceum runs`: what was asked, how it went, and what still waits."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

from lyceum.errors import UserError
from lyceum.settings import Settings

if TYPE_CHECKING:
    from app.cli.render import Progress
    from app.wiring import App
    from lyceum.runs import RunStore

ACTIONS = ["list", "show", "events", "watch", "approve", "deny", "cancel", "resume", "fork"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("run", nargs="?", help="the run's id, or the first characters of it")
    parser.add_argument("--reason", default="", help="why, with deny")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(args: argparse.Namespace, settings: Settings) -> int:
    return asyncio.run(_runs(args, settings))


async def _runs(args: argparse.Namespace, settings: Settings) -> int:
    from app.cli.render import Progress
    from app.wiring import wire

    progress = Progress(as_json=args.json)
    async with wire(settings, listen=progress) as app:
        if args.action == "list":
            found = await app.store.runs()
            if args.json:
                print(json.dumps([each.model_dump(mode="json") for each in found], indent=2))
                return 0
            for each in found:
                given = cast("dict[str, Any]", each.input) if isinstance(each.input, dict) else {}
                asked = given.get("question", "")
                print(f"{each.id}  {each.status:<9} {each.created:%Y-%m-%d %H:%M}  {' '.join(str(asked).split())[:80]}")
            return 0
        run_id = await _full_id(app.store, args.run)
        match args.action:
            case "show" | "events":
                await _show(app.store, run_id, as_json=args.json or args.action == "events")
            case "watch":
                async for event in app.engine.watch(run_id):
                    progress(event)
            case "approve" | "deny":
                await _decide(app.store, run_id, approved=args.action == "approve", reason=args.reason)
            case "cancel":
                await app.engine.cancel(run_id)
            case "resume":
                return await _resume(app, progress, run_id)
            case _:
                old = await app.store.run(run_id)
                print(await app.engine.submit(old.flow, old.input, thread=old.thread))
    return 0


async def _full_id(store: RunStore, start: str | None) -> str:
    if not start:
        raise UserError("Name the run.", next_step="See `lyceum runs list`.")
    found = [each.id for each in await store.runs(limit=10_000) if each.id.startswith(start)]
    if len(found) != 1:
        what = "No run starts" if not found else f"{len(found)} runs start"
        raise UserError(f"{what} with {start!r}.", next_step="See `lyceum runs list`.")
    return found[0]


async def _show(store: RunStore, run_id: str, *, as_json: bool) -> None:
    from app.cli.render import Progress, print_answer
    from lyceum.events import Answered

    plain = Progress()
    for event in await store.events(run_id):
        if as_json:
            print(event.model_dump_json())
        elif isinstance(event, Answered):
            print_answer(event, color=False)
        elif line := plain.line(event):
            print(line)


async def _decide(store: RunStore, run_id: str, *, approved: bool, reason: str) -> None:
    from lyceum.runs import Decision

    pending = await store.approvals(run=run_id)
    if not pending:
        raise UserError(f"Run {run_id} asks for no approval.", next_step=f"See `lyceum runs show {run_id}`.")
    for approval in pending:
        await store.decide(run_id, approval.id, Decision(approved=approved, reason=reason))
    print(f"decided; continue with `lyceum runs resume {run_id}`")


async def _resume(app: App, progress: Progress, run_id: str) -> int:
    from app.cli.render import print_answer

    finished = await app.engine.drive(run_id)
    if progress.answer is not None and not progress.as_json:
        print_answer(progress.answer, color=False)
    if finished.status != "done":
        print(f"{finished.status}: {finished.error}")
    return {"done": 0, "waiting": 3, "limit": 4, "cancelled": 130}.get(finished.status, 1)
