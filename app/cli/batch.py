"""`lyceum batch`: many questions at a provider's batch price, handed in now and fetched later."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lyceum.errors import UserError
from lyceum.settings import Settings

if TYPE_CHECKING:
    from models.batches import Kept

FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0  # seconds between two looks at a batch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["submit", "status", "results", "cancel", "list"])
    parser.add_argument("name", nargs="?", metavar="FILE|ID", help="submit: a file of JSON lines; else a batch's id")
    parser.add_argument("--model", metavar="M", help="submit: who answers, e.g. openai:gpt-6-luna")
    parser.add_argument("--wait", action="store_true", help="results: wait until the batch is done")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.action != "list" and args.name is None:
        what = "FILE --model M" if args.action == "submit" else "ID"
        raise UserError(f"What? lyceum batch {args.action} {what}", next_step="`lyceum batch list` shows the batches.")
    return asyncio.run(_run(args, settings))


async def _run(args: argparse.Namespace, settings: Settings) -> int:
    from models.batches import Batches, read_questions
    from models.prices import Prices
    from models.resolve import ResolvedModels

    batches, models = Batches(settings.home / "batches"), ResolvedModels(settings, os.environ)
    if args.action == "list":
        for kept in batches.all():
            _tell(kept, as_json=args.json)
        return 0
    if args.action == "submit":
        questions, key = read_questions(Path(args.name)), settings.model or models.default
        model = models.bare(key)
        async with model:
            _tell(await batches.submit(model, key, questions), as_json=args.json)
        return 0
    kept = batches.find(args.name)
    model = models.bare(kept.model)
    async with model:
        if args.action in ("status", "cancel"):
            _tell(await batches.refresh(model, kept, cancel=args.action == "cancel"), as_json=args.json)
            return 0
        pause = FIRST_WAIT
        while args.wait and (kept := await batches.refresh(model, kept)).handle.status != "ended":
            print(f"{kept.handle.id} {kept.handle.status}; asking again in {pause:.0f} s", file=sys.stderr, flush=True)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_WAIT)
        replies = await batches.results(model, kept, Prices(settings.prices))
    for reply in replies:
        print(json.dumps(asdict(reply), ensure_ascii=False))
    failed = sum(bool(reply.error) for reply in replies)
    known = [reply.cost for reply in replies if reply.cost is not None]
    price = f"${sum(known):.4f}" if known else "price not known"
    print(f"{len(replies) - failed} answered, {failed} not; {price}", file=sys.stderr)
    return 1 if failed else 0


def _tell(kept: Kept, *, as_json: bool) -> None:
    batch = kept.handle
    told = {"id": batch.id, "model": kept.model, "status": batch.status, "questions": len(kept.questions)}
    print(json.dumps(told) if as_json else f"{batch.id}  {kept.model}  {batch.status}  {len(kept.questions)} questions")
