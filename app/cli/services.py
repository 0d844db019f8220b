"""`lyceum services`: real servers on this machine, started and stopped without a container."""

from __future__ import annotations

import argparse

from app.cli.terminal import say
from lyceum.errors import UserError, nearest
from lyceum.settings import Settings

NAMES = ("temporal",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["up", "down", "status"])
    parser.add_argument("name", nargs="?", help=f"one of: {', '.join(NAMES)}")
    parser.add_argument("--port", type=int, default=7233, help="where it listens, on loopback")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from app.services import temporal
    from lyceum.paths import ensure_writable

    if args.name is not None and args.name not in NAMES:
        raise UserError(f"There is no service {args.name!r}.", next_step=nearest(args.name, NAMES, what="services"))
    if args.name is None and args.action != "status":
        raise UserError("Name the service.", next_step=f"One of: {', '.join(NAMES)}.")
    home = ensure_writable(settings.home)
    server = temporal.server_of(home)
    if args.action == "up":
        if temporal.find(home / "cache") is None:
            say("building a Temporal server with Go, once; this takes some minutes")
        running = temporal.up(home, port=args.port)
        print(f"temporal  up  127.0.0.1:{running.port}  pid {running.pid}")
    elif args.action == "down":
        print("temporal  down" if server.stop() else "temporal  was not running")
    else:
        running = server.running()
        print(f"temporal  up  127.0.0.1:{running.port}  pid {running.pid}" if running else "temporal  down")
    return 0
