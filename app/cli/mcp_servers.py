"""`lyceum mcp add`, `remove` and `inspect`: third-party servers for our agents, looked at before they are used."""

from __future__ import annotations

import argparse
import asyncio
import difflib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.cli.terminal import neutral, say
from app.third_party.config import FILE, KEY, Server, check_name, load, parse
from app.third_party.connection import Connection
from app.third_party.definitions import Definition
from app.third_party.limits import Limits
from app.third_party.lint import Finding, lint, visible
from app.third_party.pins import Pins, State, withheld
from lyceum.errors import UserError, nearest
from lyceum.settings import Settings

STARTS = 300.0  # seconds: a first start may download, and a sign-in waits for a person

_KNOWN_COMMANDS = {
    "uvx": "Install uv (https://docs.astral.sh/uv).",
    "npx": "Install Node.js.",
    "docker": "Install Docker.",
    "deno": "Install Deno.",
    "bunx": "Install Bun.",
}


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do one of the three; the folder of a project's file is the current one."""
    if not args.client:
        raise UserError("Which server?", next_step=f"`lyceum mcp {args.action} NAME`; `lyceum mcp list` names them.")
    return {"add": _add, "remove": _remove, "inspect": _inspect}[args.action](args, settings)


def configured(settings: Settings) -> list[tuple[Server, str]]:
    """Return the third-party servers with a card each, for `lyceum mcp list`; problems go to standard error."""
    loaded = load(settings.home, Path.cwd(), _taken())
    for problem in loaded.problems:
        say(problem)
    pins = Pins(settings.home)
    found: list[tuple[Server, str]] = []
    for server in loaded.servers.values():
        known = pins.of(server)
        state = (
            "disabled"
            if server.entry.disabled
            else "not trusted, so not started"
            if not pins.may_start(server)
            else f"{len(known.tools)} tools pinned"
            if known
            else "nothing pinned"
        )
        found.append((server, f"third party ({state}): {server.entry.shown}"))
    return found


def _add(args: argparse.Namespace, settings: Settings) -> int:
    """Start it once, show what it offers, write the entry, pin the definitions that say nothing suspicious."""
    name: str = args.client
    check_name(name, _taken())
    path = (Path.cwd() if args.project else settings.home) / FILE
    loaded = load(settings.home, Path.cwd(), _taken())
    if name in loaded.servers:
        raise UserError(
            f"{loaded.servers[name].file} has a server {name!r} already.",
            next_step=f"`lyceum mcp remove {name}` first, or take another name.",
        )
    entry = _entry(args)
    server = Server(name, parse(name, entry, "the command line"), "project" if args.project else "home", path)
    _check_command(server)
    definitions, more = asyncio.run(_listed(server, settings))
    pins = Pins(settings.home)
    shown = [_Shown.of(each, pins.state(server, each), definitions) for each in definitions]
    clean = [each.definition for each in shown if not each.findings and not each.definition.problem]
    _write(path, name, entry)
    pins.pin(server, clean)
    shown = [_Shown.of(each, pins.state(server, each), definitions) for each in definitions]
    _tell(args, server, shown, more)
    held = len(definitions) - len(clean)
    say(f"Added {name} to {path}; {len(clean)} of {len(definitions)} tools are pinned, and agents can use them.")
    if held:
        say(f"{held} are held back. `lyceum mcp inspect {name} --approve` takes them as they are shown here.")
    literal = [value for value in (*args.env, *args.header) if "${" not in value]
    if literal:
        say(f"Values were written into {path} as given; ${{NAME}} would read them from the environment instead.")
    return 0


def _remove(args: argparse.Namespace, settings: Settings) -> int:
    server = _known(args.client, settings)
    from app.clients.merge import Change, write
    from app.third_party.oauth import forget_tokens

    before = server.file.read_text(encoding="utf-8-sig")
    held: dict[str, Any] = json.loads(before)
    del held[KEY][server.name]
    write(Change(server.file, before, json.dumps(held, indent=2, ensure_ascii=False) + "\n"))
    Pins(settings.home).forget(server)
    forget_tokens(settings.home, server.key)
    if args.json:
        print(json.dumps({"removed": server.name, "file": str(server.file)}))
    say(f"Removed {server.name} from {server.file}, with what was pinned and its tokens.")
    return 0


def _inspect(args: argparse.Namespace, settings: Settings) -> int:
    """Show what a server is and offers; `--trust` lets a project's be started, `--approve` pins what is shown."""
    server = _known(args.client, settings)
    pins = Pins(settings.home)
    if args.trust:
        pins.trust(server)
    if not pins.may_start(server):
        if args.approve:
            raise UserError(
                f"{server.name} comes with this folder and was never started: there is nothing to approve.",
                next_step=f"`lyceum mcp inspect {server.name}` shows what it starts; then --trust.",
            )
        _tell(args, server, [], "")
        say(
            f"It comes with this folder ({server.file}) and was not started. If you trust what is shown above: "
            f"`lyceum mcp inspect {server.name} --trust`"
        )
        return 0
    _check_command(server)
    definitions, more = asyncio.run(_listed(server, settings))
    if args.approve:
        pins.pin(server, [each for each in definitions if not each.problem])
    known = pins.of(server)
    shown = [
        _Shown.of(
            each,
            pins.state(server, each),
            definitions,
            known.tools[each.name].definition if known and each.name in known.tools else None,
        )
        for each in definitions
    ]
    _tell(args, server, shown, more)
    open_ = [each for each in shown if each.state != "pinned" and not each.definition.problem]
    if args.approve:
        say(f"Approved: {len(shown) - len(open_)} definitions are pinned as shown.")
    elif open_:
        say(f"{len(open_)} are not pinned. `lyceum mcp inspect {server.name} --approve` takes them as shown.")
    return 0


class _Shown:
    """One tool as a person looks at it: its state, what is suspicious, and what has changed."""

    def __init__(
        self, definition: Definition, state: State, findings: list[Finding], was: dict[str, Any] | None
    ) -> None:
        self.definition = definition
        self.state: State = state
        self.findings = findings
        self.was = was

    @classmethod
    def of(
        cls, definition: Definition, state: State, all_: Sequence[Definition], was: dict[str, Any] | None = None
    ) -> _Shown:
        found = [] if definition.problem else lint(definition.raw, [each.name for each in all_], _taken())
        return cls(definition, state, found, was if state == "changed" else None)

    @property
    def why_not(self) -> str:
        return withheld(self.state, self.definition, self.findings)

    def told(self) -> dict[str, Any]:
        return {
            "name": self.definition.name,
            "offered_as": self.definition.shown,
            "state": self.state,
            "reads_only": self.definition.reads_only,
            "sha256": self.definition.sha256,
            "definition": self.definition.raw,
            "findings": [{"kind": each.kind, "place": each.place, "text": each.text} for each in self.findings],
            "left_out": self.why_not or None,
        }

    def lines(self) -> list[str]:
        rights = "reads only" if self.definition.reads_only else "each call asks you"
        name = visible(self.definition.name, 60)
        lines = [f"  {name}  [{self.state}, {rights}, {self.definition.sha256[:12]}]"]
        lines.append(f"    {visible(str(self.definition.raw['description']), 400)}")
        names = [visible(each, 40) for each in self.definition.schema.get("properties", {})]
        lines.append(f"    takes: {', '.join(names[:20]) or 'nothing'}")
        lines += [f"    ! {each.kind} in its {each.place}: {each.text}" for each in self.findings[:6]]
        if self.definition.problem:
            lines.append(f"    ! left out: {self.definition.problem}")
        if self.was is not None:
            old, new = (json.dumps(each, indent=1).splitlines() for each in (self.was, self.definition.raw))
            changed = [
                line for line in difflib.unified_diff(old, new, lineterm="", n=0) if line[:2] not in ("--", "++", "@@")
            ]
            lines += ["    ! changed since it was approved:", *(f"      {visible(line, 300)}" for line in changed[:20])]
        return lines


def _tell(args: argparse.Namespace, server: Server, shown: list[_Shown], more: str) -> None:
    if args.json:
        told = {
            "name": server.name,
            "origin": server.origin,
            "file": str(server.file),
            "entry": server.entry.shown,
            "variables": server.entry.variables,
            "tools": [each.told() for each in shown],
            "more": more or None,
        }
        print(json.dumps(told))
        return
    print(neutral(f"{server.name} ({server.file}): {server.entry.shown}"))
    if server.entry.variables:
        print(f"  gets from your environment: {', '.join(server.entry.variables)}")
    for each in shown:
        print(neutral("\n".join(each.lines())))
    if more:
        print(f"  … {more}")


async def _listed(server: Server, settings: Settings) -> tuple[list[Definition], str]:
    """Start it and list its tools; a person is at hand, so that a sign-in may open a browser."""
    from app.third_party.oauth import open_browser, signing

    connection = Connection(server, os.environ, Limits(start=STARTS), signing(settings.home, open_browser))
    try:
        return list((await connection.list()).values()), connection.more
    finally:
        await connection.close()


def _entry(args: argparse.Namespace) -> dict[str, Any]:
    if bool(args.url) == bool(args.command):
        raise UserError(
            "Give either a command or an address.",
            next_step=f"`lyceum mcp add {args.client} -- COMMAND ARGUMENT...`, or --url https://HOST/mcp.",
        )
    entry: dict[str, Any] = {}
    if args.url:
        entry["url"] = args.url
        if args.header:
            entry["headers"] = dict(_pair(each, ":") for each in args.header)
        if args.env:
            raise UserError("--env goes with a command.", next_step="Use --header for an address.")
    else:
        entry["command"], *arguments = args.command
        if arguments:
            entry["args"] = arguments
        if args.env:
            entry["env"] = dict(_pair(each, "=") for each in args.env)
        if args.header:
            raise UserError("--header goes with --url.", next_step="Use --env for a command.")
    if args.tools:
        entry["tools"] = [name.strip() for name in args.tools.split(",") if name.strip()]
    return entry


def _pair(given: str, between: str) -> tuple[str, str]:
    name, found, value = given.partition(between)
    if not found or not name.strip():
        raise UserError(f"{name[:40]!r} has no value.", next_step=f"Write NAME{between}VALUE.")
    return name.strip(), value.strip()


def _check_command(server: Server) -> None:
    command = server.entry.command
    if command is None or "${" in command or shutil.which(command) or Path(command).is_file():
        return
    step = _KNOWN_COMMANDS.get(command, "Install it, or give its whole path.")
    raise UserError(f"There is no command {visible(command, 80)!r} here (ENOENT).", next_step=step)


def _known(name: str, settings: Settings) -> Server:
    loaded = load(settings.home, Path.cwd(), _taken())
    if name not in loaded.servers:
        for problem in loaded.problems:
            say(problem)
        raise UserError(
            f"There is no third-party server {name!r}.", next_step=nearest(name, loaded.servers, what="servers")
        )
    return loaded.servers[name]


def _write(path: Path, name: str, entry: dict[str, Any]) -> None:
    from app.clients.merge import merged, write

    write(merged(path, (KEY,), name, entry))


def _taken() -> frozenset[str]:
    from mcp_servers.catalogue import cards

    return frozenset(cards()) | {"lyceum", "connected"}
