"""`lyceum models`: who can answer here, and the local models that can be pulled, served and removed."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from lyceum.errors import UserError
from lyceum.settings import Settings
from models.catalog import CATALOG, CatalogModel, catalogued, shown_size
from models.local.store import Installed, find, installed, remove


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["list", "pull", "serve", "rm"],
        help="list: who can answer, and what can be pulled; pull, serve (OpenAI-compatible) or rm a local model",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="a model of the catalogue")
    parser.add_argument("--yes", action="store_true", help="pull: accept the model's terms of use")
    parser.add_argument("--host", default="127.0.0.1", help="serve: address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, metavar="N", help="serve: default %(default)s; 0: a free one")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.action == "list":
        return _list(settings, as_json=args.json)
    if args.name is None:
        raise UserError(f"Which model? lyceum models {args.action} NAME", next_step=f"Models: {', '.join(CATALOG)}.")
    if args.action == "pull":
        return _pull(args, settings.home)
    if args.action == "rm":
        return _remove(args.name, settings.home)
    return _serve(args, settings)


def pull_model(model: CatalogModel, home: Path) -> Installed:
    """Pull a model whose terms were accepted, shown on stderr; raises what `models.local.pull.pull` raises."""
    from app.cli.pulling import watching
    from models.local.pull import pull

    with watching(model.size_bytes) as watch:
        return pull(model, home, watch)


@dataclass(frozen=True)
class _Local:
    """A local model as it is listed; `todo` is what to do about it."""

    name: str
    title: str
    size_bytes: int
    licence: str
    state: Literal["pulled", "damaged", "partly pulled", "not pulled"]
    todo: str


def _local_models(home: Path) -> list[_Local]:
    there = {each.name: each for each in installed(home)}
    former = [
        _Local(each.name, "no longer in the catalogue", each.manifest.size_bytes, "", "pulled", "")
        for each in there.values()
        if each.name not in CATALOG
    ]
    return [_local(model, there.get(model.name), home) for model in CATALOG.values()] + former


def _local(model: CatalogModel, found: Installed | None, home: Path) -> _Local:
    from models.local.pull import part_of
    from models.local.transfer import size_of

    part, todo = part_of(model, home), f"lyceum models pull {model.name}"
    if found and found.problem:
        state, todo = "damaged", f"{found.problem}: {todo}"
    elif found:
        state, todo = "pulled", ""
    elif there := size_of(part):
        state, todo = "partly pulled", f"{shown_size(there)} are there: {todo}"
    else:
        state = "not pulled"
    return _Local(model.name, model.title, model.size_bytes, model.licence, state, todo)


def _list(settings: Settings, *, as_json: bool) -> int:
    from models.ladder import rungs
    from models.resolve import ResolvedModels

    found, local = rungs(settings, os.environ), _local_models(settings.home)
    if as_json:
        print(
            json.dumps({"rungs": [asdict(rung) for rung in found], "local": [asdict(each) for each in local]}, indent=2)
        )
        return 0
    for rung in found:
        print(f"{'✓' if rung.available else ' '} {rung.name:<18} {rung.model:<40} {rung.reason}")
    print("\nlocal models")
    for each in local:
        mark = {"pulled": "✓", "damaged": "!"}.get(each.state, " ")
        print(f"{mark} {each.name:<18} {shown_size(each.size_bytes):>7}  {each.licence:<19} {each.todo or each.state}")
    print(f"\nanswers now: {ResolvedModels(settings, os.environ).reason}")
    return 0


def _pull(args: argparse.Namespace, home: Path) -> int:
    model = catalogued(args.name)
    found = find(model.name, home)
    if found is None or found.problem:
        _tell(f"{model.title}: {shown_size(model.size_bytes)}, {model.licence} ({model.licence_url})")
        if model.terms and not args.yes:
            _ask_consent(model)
        found = pull_model(model, home)
    else:
        _tell(f"{model.name} is pulled already.")
    print(
        json.dumps({"name": found.name, "path": str(found.path), **found.manifest.model_dump(mode="json")})
        if args.json
        else found.path
    )
    return 0


def _ask_consent(model: CatalogModel) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UserError(
            f"{model.name} may be used only under its terms: {model.licence_url}",
            next_step=f"Read them, then accept them with `lyceum models pull {model.name} --yes`.",
        )
    print("Do you accept these terms? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UserError("The terms were not accepted; nothing was fetched.")


def _remove(name: str, home: Path) -> int:
    freed = remove(name, home)
    if not freed:
        catalogued(name)
        raise UserError(f"{name} is not pulled.", next_step="`lyceum models list` shows what is.")
    _tell(f"{name} is removed: {shown_size(freed)} are free again.")
    return 0


def _serve(args: argparse.Namespace, settings: Settings) -> int:
    from models.local.serve import Served
    from models.local.store import path_of

    path = path_of(args.name, settings.home)
    if path is None:
        catalogued(args.name)
        raise UserError(f"{args.name} is not pulled.", next_step=f"Pull it: `lyceum models pull {args.name}`.")
    key = settings.provider.api_key
    served = Served(path, args.name, host=args.host, port=args.port, key=key.get_secret_value() if key else "")
    print(served.url, flush=True)
    if args.name in CATALOG and not CATALOG[args.name].chat_template:
        _tell(f"A base model: it continues text ({served.url}/completions) and cannot chat.")
    else:
        _tell(
            "Use it from any OpenAI client, or from another Lyceum:\n"
            f"  LYCEUM_PROVIDER__BASE_URL={served.url} lyceum chat --model openai-compatible:{args.name}"
        )
    _tell("Ctrl-C ends it.")
    threading.Event().wait()
    return 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
