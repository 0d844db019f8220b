"""`lyceum ingest`: a folder of any size into a collection, as a run that can be killed and resumed."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
from pathlib import Path

from app.cli.terminal import say
from lyceum.errors import UserError
from lyceum.settings import Settings

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", help="the folder or file to read")
    parser.add_argument("--collection", metavar="NAME", help="where it goes; default: a name made from the path")
    parser.add_argument("--engine", choices=("journal", "temporal"), help="where it runs; default as the settings say")
    parser.add_argument("--json", action="store_true", help="the event log as JSON lines on standard output")


def run(args: argparse.Namespace, settings: Settings) -> int:
    path = Path(args.path).expanduser()
    if not path.exists():
        raise UserError(f"{path} does not exist.", next_step="Check the path.")
    if not os.access(path, os.R_OK):
        raise UserError(f"{path} cannot be read.", next_step="Check its permissions.")
    if args.collection is not None and not _NAME.fullmatch(args.collection):
        raise UserError(
            f"{args.collection!r} is no name of a collection.",
            next_step="Use lower-case letters, digits, - and _, at most 64.",
        )
    return asyncio.run(_ingest(args, settings, path.resolve()))


async def _ingest(args: argparse.Namespace, settings: Settings, path: Path) -> int:
    from app.cli.chat import finish
    from app.cli.progress import Progress
    from app.wiring import collection_name, wire
    from workflows.ingest import IngestRequest

    progress = Progress(as_json=args.json)
    request = IngestRequest(path=str(path), collection=args.collection or collection_name(path))
    async with wire(settings, listen=progress) as app:
        thread = (await app.store.create_thread(f"documents of {path.name}")).id
        run_id = await app.engine.submit("ingest", request, thread=thread)
        say(f"run {run_id}; `lyceum runs resume {run_id}` goes on with it")
        code = await finish(app, progress, {}, run_id)
        if code == 0:
            say(f'ask it: lyceum chat --resume {thread} "..."')
        return code
