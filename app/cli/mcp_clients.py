"""`lyceum mcp config` and `lyceum mcp doctor`: the servers in other people's clients."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.clients.kinds import CLIENTS, NAME, Client, own_command
from app.clients.merge import merged, read_entry, write
from lyceum.errors import UserError, nearest


def config(args: argparse.Namespace) -> int:
    """Show the entry that a client wants for our servers, or write it into the client's file."""
    client = _client(args.client)
    toolsets = [name for name in args.toolsets.split(",") if name]
    _known(toolsets)
    command = own_command(toolsets, read_only=args.read_only)
    entry = client.entry(command)
    path = _file(client, args.file)
    link = client.link(command) if client.link else None
    if path is None:
        if args.write:
            raise UserError(f"{client.title} has no file to write to.", next_step="Leave --write out to see the entry.")
        _show(
            args, {"client": args.client, "entry": _nested(client, entry)}, json.dumps(_nested(client, entry), indent=2)
        )
        _say(client.after)
        return 0
    change = merged(path, client.keys, NAME, entry, client.form)
    kept = write(change) if args.write and change.after != change.before else None
    told = {
        "client": args.client,
        "file": str(path),
        "written": bool(args.write),
        "changed": change.after != change.before,
        "backup": str(kept) if kept else None,
        "link": link,
        "entry": entry,
    }
    _show(args, told, change.diff or f"{path} has it already.")
    if not args.write:
        _say(f"Nothing was written. Add --write to change {path}" + (f", or open {link}" if link else "") + ".")
    else:
        _say(f"Wrote {path}." + (f" What was there is in {kept}." if kept else ""))
        _say(f"{client.after} `lyceum mcp doctor {args.client}` starts it as the client does.")
    return 0


def bundle(args: argparse.Namespace) -> int:
    """Write the bundle, and with the address that it will be downloaded from a registry's card beside it."""
    from app.clients.bundle import registry_card, write_bundle
    from lyceum import __version__

    path = Path(args.file or f"lyceum-{__version__}.mcpb").expanduser().absolute()
    if args.url:
        registry_card(args.url, "")  # refuses an address before anything is written
    sha256 = write_bundle(path)
    told: dict[str, Any] = {"bundle": str(path), "sha256": sha256, "bytes": path.stat().st_size}
    if args.url:
        card = path.with_name("server.json")
        card.write_text(json.dumps(registry_card(args.url, sha256), indent=2) + "\n", encoding="utf-8")
        told["card"] = str(card)
    _show(args, told, "\n".join(f"{name:<7} {value}" for name, value in told.items()))
    return 0


def doctor(args: argparse.Namespace) -> int:
    """Start the servers as a client would and say step by step what happened; 1 where a step failed."""
    from app.clients.probe import probe

    if args.client:
        client = _client(args.client)
        path = _file(client, args.file)
        if path is None:
            raise UserError(f"{client.title} has no file to look at.", next_step="Name another client, or none.")
        entry = read_entry(path, client.keys, NAME, client.form)
    else:
        entry = CLIENTS["json"].entry(own_command())
    report = asyncio.run(probe(args.client or "json", entry))
    if args.json:
        print(json.dumps({**asdict(report), "ok": report.ok}))
    else:
        print(" ".join(report.command))
        for step in report.steps:
            print(f"  {'ok' if step.ok else 'FAILED':<7}{step.name:<16} {step.detail} ({step.seconds:.1f} s)")
    return 0 if report.ok else 1


def _client(name: str) -> Client:
    if name not in CLIENTS:
        raise UserError(f"There is no client {name!r}.", next_step=nearest(name, CLIENTS, what="clients"))
    return CLIENTS[name]


def _known(toolsets: list[str]) -> None:
    from mcp_servers.catalogue import cards
    from mcp_servers.serve import EVERYTHING

    for name in toolsets:
        if name != EVERYTHING and name not in (known := cards()):
            raise UserError(f"There is no tool server {name!r}.", next_step=nearest(name, known, what="servers"))


def _file(client: Client, given: str | None) -> Path | None:
    return Path(given).expanduser().absolute() if given else client.file() if client.file else None


def _nested(client: Client, entry: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = entry
    for key in reversed((*client.keys, NAME) if client.keys else ()):
        nested = {key: nested}
    return nested


def _show(args: argparse.Namespace, told: dict[str, Any], text: str) -> None:
    print(json.dumps(told) if args.json else text.rstrip())


def _say(text: str) -> None:
    if text:
        print(text, file=sys.stderr)
