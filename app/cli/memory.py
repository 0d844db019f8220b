"""`lyceum memory`: what is remembered, where it comes from, and how to change, move or forget it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.terminal import neutral, one_line, say
from lyceum.errors import UserError
from lyceum.settings import Settings

if TYPE_CHECKING:
    from mcp_servers.memory.keeper import Keeper

ACTIONS = ["show", "edit", "search", "history", "undo", "forget", "export", "import", "consolidate"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("names", nargs="*", help="a block, a question, ids to forget or a file, as the action needs")
    parser.add_argument("--context", metavar="THREAD", help="with show: what the model would see in this thread")
    parser.add_argument("--limit", type=int, default=4000, help="with show --context: tokens there is room for")
    parser.add_argument("--append", metavar="TEXT", help="with edit: add a line")
    parser.add_argument("--replace", nargs=2, metavar=("OLD", "NEW"), help="with edit: replace what stands there once")
    parser.add_argument("--text", help="with edit: write the block anew; - reads standard input")
    parser.add_argument("--why", default="", help="with edit and undo: the reason, for the history")
    parser.add_argument("--all", action="store_true", help="with forget: everything; with show: replaced facts too")
    parser.add_argument("--older", type=int, metavar="DAYS", help="with forget: turns said longer ago")
    parser.add_argument("--yes", action="store_true", help="with forget: do not ask")
    parser.add_argument("--format", choices=["jsonl", "markdown"], default="jsonl", help="with export")
    parser.add_argument("--dry-run", action="store_true", help="with consolidate: only show what would change")
    parser.add_argument("--ask", action="store_true", help="with consolidate: ask before facts are saved")
    parser.add_argument("--model", metavar="M", help="with consolidate: who reads the turns")
    parser.add_argument("--offline", action="store_true", help="with consolidate: by rules alone")
    parser.add_argument("--project", metavar="DIR", help="the memory of this folder ('here': of this repository)")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.project:
        section = {**settings.servers.get("memory", {}), "project": args.project}
        settings = settings.model_copy(update={"servers": {**settings.servers, "memory": section}})
    if args.action == "consolidate":
        from app.cli.memory_consolidate import consolidate

        return consolidate(args, settings)
    from lyceum.paths import ensure_writable
    from mcp_servers.memory.keeper import Keeper

    keeper = Keeper(settings, ensure_writable(settings.home))
    try:
        _DO[args.action](keeper, args)
    finally:
        keeper.store.close()
    return 0


def _show(keeper: Keeper, args: argparse.Namespace) -> None:
    from mcp_servers.memory.desk import Desk

    desk = Desk(keeper)
    if args.context:
        window = desk.context(args.context, " ".join(args.names), args.limit)
        if args.json:
            print(window.model_dump_json(indent=2))
            return
        print(neutral(window.text))
        say(f"{window.used} of {window.limit} tokens")
        for item in window.left:
            say(f"  left out {item.kind} {item.id} ({item.tokens} tokens): {item.reason}")
        return
    store, scope = keeper.store, keeper.scope
    blocks, facts = store.blocks.all(scope), store.archive.facts(scope, history=args.all)
    if args.json:
        known = {"blocks": blocks, "facts": facts}
        print(
            json.dumps(
                {name: [each.model_dump(mode="json") for each in some] for name, some in known.items()}, indent=2
            )
        )
        return
    for block in blocks:
        kind = ", read-only" if block.read_only else ""
        print(f"{block.label} (version {block.version}, {len(block.text)} of {block.limit} characters{kind})")
        print(neutral("\n".join(f"  {line}" for line in block.text.split("\n"))))
    for fact in facts:
        until = f" until {fact.valid_to:%d %B %Y}" if fact.valid_to else ""
        since = f"since {fact.valid_from:%d %B %Y}{until}; {', '.join(fact.sources) or 'no turn'}"
        print(neutral(f"{fact.id}  {one_line(fact.text, 100)}  ({since})"))
    row = store.file.one("SELECT count(*) AS n FROM turns WHERE tenant = ? AND user = ?", *scope.owner)
    say(f"{len(facts)} facts, {row['n'] if row else 0} turns; why one is remembered: lyceum memory history FACT")


def _edit(keeper: Keeper, args: argparse.Namespace) -> None:
    from memory.blocks import Edit

    label = _one(args, "Name the block, e.g. lyceum memory edit human --append TEXT.")
    blocks, scope = keeper.store.blocks, keeper.scope
    if label not in {block.label for block in blocks.all(scope)}:
        blocks.define(scope, label)
    edit = Edit(who="user", why=args.why)
    if args.append is not None:
        block = blocks.append(scope, label, args.append, edit)
    elif args.replace:
        block = blocks.replace(scope, label, args.replace[0], args.replace[1], edit)
    elif args.text is not None:
        text = sys.stdin.read().rstrip("\n") if args.text == "-" else args.text
        block = blocks.rethink(scope, label, text, edit)
    else:
        raise UserError("Say what to change.", next_step="Use --append TEXT, --replace OLD NEW or --text TEXT.")
    print(neutral(block.text))
    say(f"{label} is at version {block.version}; lyceum memory undo {label} takes it back")


def _search(keeper: Keeper, args: argparse.Namespace) -> None:
    from memory.answers import recollect

    question = " ".join(args.names)
    if not question.strip():
        raise UserError("Ask something.", next_step='lyceum memory search "Where do I live?"')
    found = recollect(keeper.store, keeper.scope, question)
    if args.json:
        print(found.model_dump_json(indent=2))
        return
    for told in found.told:
        until = f" (until {told.until})" if told.until else ""
        print(neutral(f"{one_line(told.text, 200)}{until}  [{told.turn}, {told.since}]"))
    if not found.told:
        print("Nothing answers this.")
    for source in found.sources:
        say(neutral(f"  {source.id}  {source.title}, {source.locator}: {one_line(source.text, 100)}"))


def _history(keeper: Keeper, args: argparse.Namespace) -> None:
    from memory.consolidation import reasons

    name = _one(args, "Name a block, or a fact (fact:ID).")
    store, scope = keeper.store, keeper.scope
    if name.startswith("fact:"):
        fact = store.archive.get(scope, name)
        print(neutral(fact.text))
        for turn in reasons(store.file, scope, fact):
            print(neutral(f"  {turn.id}  {turn.speaker}, {turn.said:%d %B %Y %H:%M}: {one_line(turn.text, 200)}"))
        return
    for version in store.blocks.history(scope, name):
        print(neutral(f"{version.version}  {version.at:%Y-%m-%d %H:%M}  {version.who}  {one_line(version.why, 80)}"))
        print(neutral("\n".join(f"    {line}" for line in version.text.split("\n"))))


def _undo(keeper: Keeper, args: argparse.Namespace) -> None:
    from memory.blocks import Edit

    label = _one(args, "Name the block.")
    block = keeper.store.blocks.undo(keeper.scope, label, Edit(who="user", why=args.why or "undo"))
    print(neutral(block.text))


def _forget(keeper: Keeper, args: argparse.Namespace) -> None:
    forgetting, scope = keeper.store.forgetting, keeper.scope
    ids = forgetting.expired(scope, args.older) if args.older is not None else list(args.names)
    if not ids and not args.all:
        if args.older is not None:
            say("Nothing is that old.")
            return
        raise UserError(
            "Say what to forget.", next_step="Ids that `lyceum memory search` shows, --older DAYS or --all."
        )
    what = "everything" if args.all else one_line(", ".join(ids), 200)
    if not args.yes:
        if not sys.stdin.isatty():
            raise UserError(f"Forgetting {what} cannot be undone.", next_step="Add --yes.")
        if input(f"Forget {neutral(what)} for good? [y/N] ").strip().lower() not in ("y", "yes"):
            return
    done = forgetting.everything(scope) if args.all else forgetting.forget(scope, ids)
    if args.json:
        print(done.model_dump_json(indent=2))
        return
    for name in done.removed:
        print(f"removed {name}")
    for name in done.rewritten:
        print(f"rewritten {name}")
    say("The run history of `lyceum runs` is kept apart and is not touched.")


def _export(keeper: Keeper, args: argparse.Namespace) -> None:
    from mcp_servers.memory.desk import Desk

    text = Desk(keeper).export(args.format).text
    if not args.names:
        sys.stdout.write(text)
        return
    path = Path(args.names[0])
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}).", next_step="Name another file.") from error
    say(f"written to {path}")


def _import(keeper: Keeper, args: argparse.Namespace) -> None:
    from memory.imports import import_file

    done = import_file(keeper.store, keeper.scope, Path(_one(args, "Name the file.")))
    if args.json:
        print(done.model_dump_json(indent=2))
        return
    print(", ".join(f"{count} {kind}s" for kind, count in done.added.items() if count) or "nothing new")
    say(f"{done.present} were there already")
    for name in done.refused:
        say(f"  ! left as it is here: {neutral(name)}")


def _one(args: argparse.Namespace, step: str) -> str:
    if len(args.names) != 1:
        raise UserError(f"lyceum memory {args.action} takes one name.", next_step=step)
    return args.names[0]


_DO = {
    "show": _show,
    "edit": _edit,
    "search": _search,
    "history": _history,
    "undo": _undo,
    "forget": _forget,
    "export": _export,
    "import": _import,
}
