"""`lyceum mcp`: the tool servers, listed without importing them, served to other clients, and put into their files."""

from __future__ import annotations

import argparse
import gc
import json
import re
from typing import TYPE_CHECKING

from lyceum.errors import UserError
from lyceum.settings import Settings

if TYPE_CHECKING:
    from mcp_servers.remote import RemoteSettings

LEAN = "lean"  # the set of tools that is listed when no servers are named

# Which options an action takes, with what they are by default.
SERVING: dict[str, object] = {"toolsets": "", "read_only": False}
CLIENTS: dict[str, object] = {"client": None, "file": None, "json": False}
THIRD_PARTY: dict[str, object] = {"client": None, "json": False}
TAKES: dict[str, dict[str, object]] = {
    "list": {"json": False},
    "serve": {
        **SERVING,
        **{
            "transport": "stdio",
            "host": "127.0.0.1",
            "port": 8765,
            "tools": "",
            "exclude_tools": "",
            "namespace": "",
            "conformance": False,
        },
    },
    "config": {**SERVING, **CLIENTS, "write": False},
    "doctor": CLIENTS,
    "bundle": {"file": None, "url": None, "json": False},
    "add": {**THIRD_PARTY, "url": None, "command": [], "env": [], "header": [], "tools": "", "project": False},
    "remove": THIRD_PARTY,
    "inspect": {**THIRD_PARTY, "approve": False, "trust": False},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=list(TAKES))
    parser.add_argument(
        "client",
        nargs="?",
        metavar="NAME",
        help="config, doctor: claude-desktop, claude-code, vscode, ...; add, remove, inspect: a server's name",
    )
    parser.add_argument("command", nargs="*", metavar="COMMAND", help="add: after --, what starts the server")
    parser.add_argument(
        "--url", help="add: where the server is, instead of a command; bundle: where it will be downloaded"
    )
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="add: for its process")
    parser.add_argument("--header", action="append", default=[], metavar="NAME:VALUE", help="add: for its address")
    parser.add_argument("--project", action="store_true", help="add: into this folder's mcp.json, not the home's")
    parser.add_argument("--approve", action="store_true", help="inspect: pin the definitions as they are shown")
    parser.add_argument("--trust", action="store_true", help="inspect: let a server of this folder's file be started")
    parser.add_argument("--transport", choices=["stdio", "http"], default="stdio", help="serve: how clients reach it")
    parser.add_argument("--host", default="127.0.0.1", help="serve: of http; beyond this machine only with a token")
    parser.add_argument("--port", type=int, default=8765, help="serve: of http")
    parser.add_argument(
        "--toolsets", default="", metavar="A,B", help="serve, config: servers, or all; a lean set by default"
    )
    parser.add_argument("--tools", default="", metavar="A,B", help="serve, add: only these tools")
    parser.add_argument("--exclude-tools", default="", metavar="A,B", help="serve: all but these tools")
    parser.add_argument("--namespace", default="", metavar="NS", help="serve: put NS_ before the name of each tool")
    parser.add_argument("--read-only", action="store_true", help="serve, config: no tool that changes anything")
    parser.add_argument("--conformance", action="store_true", help="serve: add the fixtures of the protocol's suite")
    parser.add_argument(
        "--file",
        metavar="PATH",
        help="config, doctor: the client's file, if not in its usual place; bundle: the new one",
    )
    parser.add_argument("--write", action="store_true", help="config: write the file; without it, only shown")
    parser.add_argument("--json", action="store_true", help="all but serve: machine-readable")


def run(args: argparse.Namespace, settings: Settings) -> int:
    _refuse_strange(args)
    if args.action == "list":
        from app.cli.mcp_servers import configured
        from mcp_servers.catalogue import cards

        known = cards() | {server.name: card for server, card in configured(settings)}
        print(json.dumps(known, indent=2) if args.json else "\n".join(f"{k:<10} {v}" for k, v in known.items()))
        return 0
    if args.action in ("config", "doctor", "bundle"):
        from app.cli import mcp_clients

        does = {"config": mcp_clients.config, "doctor": mcp_clients.doctor, "bundle": mcp_clients.bundle}
        return does[args.action](args)
    if args.action in ("add", "remove", "inspect"):
        from app.cli import mcp_servers

        return mcp_servers.run(args, settings)
    gc.disable()  # what is made now stays: looking for garbage in it is a tenth of the start
    from app.hosted import HostedJobs
    from app.stores import open_store
    from mcp_servers.serve import Choice, combined, serve

    if args.namespace and not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_-]{0,30}", args.namespace):
        raise UserError(
            f"{args.namespace!r} is no namespace.", next_step="Take a letter, then letters, digits, _ and -."
        )
    choice = Choice(
        toolsets=[name for name in _names(args.toolsets) if name != LEAN],
        tools=_names(args.tools),
        without=_names(args.exclude_tools),
        read_only=args.read_only,
        namespace=args.namespace,
        conformance=args.conformance,
    )
    jobs = HostedJobs(settings)
    server = combined(settings, choice, store=open_store(settings), jobs=jobs, resume=jobs.resume)
    gc.freeze()
    gc.enable()
    remote: RemoteSettings | None = None
    if args.transport == "http":
        from mcp_servers.remote import RemoteSettings, check_bind

        remote = settings.section("mcp", RemoteSettings)
        check_bind(args.host, remote)
    return serve(server, transport=args.transport, port=args.port, host=args.host, remote=remote)


def _names(given: str) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()]


def _refuse_strange(args: argparse.Namespace) -> None:
    """An option that another action takes is refused, not ignored."""
    takes = TAKES[args.action]
    known = {name: default for each in TAKES.values() for name, default in each.items()}
    for name, default in known.items():
        if name not in takes and getattr(args, name) != default:
            option = name if name in ("client", "command") else f"--{name.replace('_', '-')}"
            raise UserError(
                f"`lyceum mcp {args.action}` takes no {option}.", next_step="`lyceum mcp --help` says what does."
            )
    if args.action == "config" and args.client is None:
        from app.clients.kinds import CLIENTS as KINDS

        raise UserError("Which client?", next_step=f"One of {', '.join(KINDS)}.")
