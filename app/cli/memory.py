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
    from memory.blocks import Block
    from memory.scope import Scope

ACTIONS = ["show", "edit", "search", "history", "undo", "forget", "export", "import", "consolidate", "rebuild"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("names", nargs="*", help="a block, a question, ids to forget or a file, as the action needs")
    parser.add_argument("--context", metavar="THREAD", help="with show: what the model would see in this thread")
    parser.add_argument("--limit", type=int, default=4000, help="with show --context: tokens there is room for")
    parser.add_argument("--believed", metavar="DATE", help="with show: what was believed then")
    parser.add_argument("--held", metavar="DATE", help="with show: what was so then, as far as is known now")
    parser.add_argument("--tag", default="", help="with show and forget: facts that carry it, e.g. pii")
    parser.add_argument("--append", metavar="TEXT", help="with edit: add a line")
    parser.add_argument("--replace", nargs=2, metavar=("OLD", "NEW"), help="with edit: replace what stands there once")
    parser.add_argument("--insert", nargs=2, metavar=("LINE", "TEXT"), help="with edit: before that line, from 0")
    parser.add_argument("--read-only", action="store_true", help="with edit: refuse edits from now on")
    parser.add_argument("--writable", action="store_true", help="with edit: take edits again")
    parser.add_argument("--describe", metavar="TEXT", help="with edit: what the block is for")
    parser.add_argument("--size", type=int, metavar="N", help="with edit: characters that the block may hold")
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
    then = args.believed or args.held
    found = desk.facts(args.believed or "", args.held or "", args.tag, 1000, history=args.all).facts
    blocks, facts = [] if then else store.blocks.all(scope), found
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
        marks = "".join(f" #{one_line(tag, 40)}" for tag in fact.tags)
        print(neutral(f"{fact.id}  {one_line(fact.text, 100)}  ({since}){marks}"))
    row = store.file.one("SELECT count(*) AS n FROM turns WHERE tenant = ? AND user = ?", *scope.owner)
    say(f"{len(facts)} facts, {row['n'] if row else 0} turns; why one is remembered: lyceum memory history FACT")


def _edit(keeper: Keeper, args: argparse.Namespace) -> None:
    from memory.blocks import Block, Edit

    label = _one(args, "Name the block, e.g. lyceum memory edit human --append TEXT.")
    blocks, scope = keeper.store.blocks, keeper.scope
    known = {block.label: block for block in blocks.all(scope)}
    about = args.read_only or args.writable or args.describe is not None or args.size is not None
    if about or label not in known:
        old = known.get(label) or Block(label=label, agent=scope.agent, project=scope.project)
        blocks.define(
            _place(scope, old),
            label,
            description=old.description if args.describe is None else args.describe,
            limit=args.size or old.limit,
            read_only=old.read_only and not args.writable,
        )
    edit = Edit(who="user", why=args.why)
    if args.append is not None:
        block = blocks.append(scope, label, args.append, edit)
    elif args.replace:
        block = blocks.replace(scope, label, args.replace[0], args.replace[1], edit)
    elif args.insert:
        if not args.insert[0].isdecimal():
            raise UserError("--insert takes a line number and a text.", next_step="E.g. --insert 0 TEXT.")
        block = blocks.insert(scope, label, args.insert[1], int(args.insert[0]), edit)
    elif args.text is not None:
        text = sys.stdin.read().rstrip("\n") if args.text == "-" else args.text
        block = blocks.rethink(scope, label, text, edit)
    elif about:
        block = blocks.get(scope, label)
    else:
        raise UserError(
            "Say what to change.", next_step="Use --append, --insert, --replace, --text, --describe or --read-only."
        )
    if args.read_only:
        place = _place(scope, block)
        block = blocks.define(place, label, description=block.description, limit=block.limit, read_only=True)
    if args.json:
        print(block.model_dump_json(indent=2))
        return
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
        turns = reasons(store.file, scope, fact)
        if args.json:
            told = [turn.model_dump(mode="json") for turn in turns]
            _print_json({"fact": fact.model_dump(mode="json"), "turns": told})
            return
        print(neutral(fact.text))
        for turn in turns:
            print(neutral(f"  {turn.id}  {turn.speaker}, {turn.said:%d %B %Y %H:%M}: {one_line(turn.text, 200)}"))
        return
    versions = store.blocks.history(scope, name)
    if args.json:
        _print_json([version.model_dump(mode="json") for version in versions])
        return
    for version in versions:
        print(neutral(f"{version.version}  {version.at:%Y-%m-%d %H:%M}  {version.who}  {one_line(version.why, 80)}"))
        print(neutral("\n".join(f"    {line}" for line in version.text.split("\n"))))


def _undo(keeper: Keeper, args: argparse.Namespace) -> None:
    from memory.blocks import Edit

    label = _one(args, "Name the block.")
    block = keeper.store.blocks.undo(keeper.scope, label, Edit(who="user", why=args.why or "undo"))
    print(block.model_dump_json(indent=2) if args.json else neutral(block.text))


def _forget(keeper: Keeper, args: argparse.Namespace) -> None:
    forgetting, scope = keeper.store.forgetting, keeper.scope
    ids = forgetting.expired(scope, args.older) if args.older is not None else list(args.names)
    if args.tag:
        ids += [fact.id for fact in keeper.store.archive.facts(scope, limit=100_000, history=True, tag=args.tag)]
    if not ids and not args.all:
        if args.older is not None or args.tag:
            say("There is nothing like that.")
            return
        raise UserError(
            "Say what to forget.", next_step="Ids that `lyceum memory search` shows, --older DAYS, --tag TAG or --all."
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
    keeper.store.catch_up(keeper.scope)
    if args.json:
        print(done.model_dump_json(indent=2))
        return
    print(", ".join(f"{count} {kind}s" for kind, count in done.added.items() if count) or "nothing new")
    say(f"{done.present} were there already")
    for name in done.refused:
        say(f"  ! left as it is here: {neutral(name)}")


def _rebuild(keeper: Keeper, args: argparse.Namespace) -> None:
    from mcp_servers.memory.desk import Desk

    done = Desk(keeper).rebuild(most=10**9)
    if args.json:
        print(done.model_dump_json(indent=2))
        return
    say(f"The indexes were made anew: every text by its words, {done.turns} turns and {done.facts} facts by meaning.")


def _place(scope: Scope, block: Block) -> Scope:
    return scope.model_copy(update={"agent": block.agent, "project": block.project})


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))


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
    "rebuild": _rebuild,
}
