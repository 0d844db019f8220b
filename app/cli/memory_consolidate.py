"""`lyceum memory consolidate`: new turns become facts, shown first, asked for or done."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from app.cli.terminal import neutral, say
from lyceum.errors import LyceumError, WaitsForApproval
from lyceum.settings import Settings


def consolidate(args: argparse.Namespace, settings: Settings) -> int:
    return asyncio.run(_consolidate(args, settings))


async def _consolidate(args: argparse.Namespace, settings: Settings) -> int:
    from app.cli.approval import carry_out, person
    from app.cli.progress import Progress
    from app.wiring import wire
    from workflows.consolidate import Consolidated, ConsolidateRequest

    asking = args.ask or (settings.servers.get("memory", {}).get("saving") == "ask" and not args.yes)
    request = ConsolidateRequest(rules=args.offline, dry=args.dry_run, ask=asking)
    progress = Progress(as_json=args.json)
    answer: Any = person if sys.stdin.isatty() and not args.json else None
    async with wire(settings, listen=progress) as app:
        run_id = await app.engine.submit("consolidate", request)
        run = await carry_out(app, run_id, {}, answer)
        if run.status == "waiting":
            raise WaitsForApproval(f"Run {run_id} waits for an approval.", next_step=f"lyceum runs approve {run_id}")
        if run.status != "done":
            message, _, step = run.error.partition("\n")
            raise LyceumError(message or run.status, next_step=step.strip())
    done = Consolidated.model_validate(run.result)
    if not args.json:
        for change in done.changes:
            print(neutral(change.line))
        kept = "would change" if args.dry_run else "changed"
        say(f"{done.turns} turns read, {len(done.changes)} facts {kept}, {done.left} turns left")
        for turn in done.quarantined:
            say(f"  {turn} reads like an order to the assistant: kept as it was said, and nothing else")
    return 0
