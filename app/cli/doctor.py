"""`lyceum doctor`: what works here, each line with the way to fix what does not."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import sqlite3
import sys
from pathlib import Path

from lyceum.errors import LyceumError
from lyceum.paths import ensure_writable
from lyceum.settings import Settings

OURS = ("lyceum", "models", "memory", "agents", "workflows", "evals", "mcp_servers", "app")
ROOT = Path(__file__).resolve().parents[2]
LITTLE_DISK = 2 * 1024**3

Check = tuple[str, str, str, str]  # name, ok | warning | problem, what was found, how to fix it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.add_argument("--warm", action="store_true", help="load what chat needs, so that it starts fast")


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.warm:
        return _warm(settings)
    checks = [
        _python(), _names(), _sqlite(), _home(settings), _disk(settings), _embeddings(), _sandbox(), *_models(settings),
    ]  # fmt: skip
    if args.json:
        print(
            json.dumps([dict(zip(("name", "state", "found", "fix"), check, strict=True)) for check in checks], indent=2)
        )
    else:
        marks = {"ok": "✓", "warning": "!", "problem": "✗"}
        for name, state, found, fix in checks:
            print(f"{marks[state]} {name:<11} {found}{f' → {fix}' if fix else ''}")
    return 1 if any(state == "problem" for _, state, _, _ in checks) else 0


def _warm(settings: Settings) -> int:
    """Answer from tables and from notes in a throw-away home, so that what a first chat loads is compiled already."""
    import contextlib
    import io
    import tempfile

    from app.cli.chat import answer_once

    with tempfile.TemporaryDirectory() as home, contextlib.redirect_stdout(io.StringIO()):
        quiet = settings.model_copy(update={"home": Path(home), "offline": True})
        return max(answer_once(quiet, asked) for asked in ("Which genre has the most tracks?", "What is a KV cache?"))


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] < (3, 14)
    return ("python", "ok" if good else "problem", version, "" if good else "use Python 3.11 to 3.13")


def _names() -> Check:
    strangers = [
        name
        for name in OURS
        if (spec := importlib.util.find_spec(name)) is None or not str(spec.origin or "").startswith(str(ROOT))
    ]
    if strangers:
        return ("names", "problem", f"{', '.join(strangers)} are not ours", "use the project's own .venv")
    return ("names", "ok", f"{len(OURS)} packages are ours", "")


def _sqlite() -> Check:
    with sqlite3.connect(":memory:") as database:
        try:
            database.execute("CREATE VIRTUAL TABLE probe USING fts5(text)")
        except sqlite3.OperationalError:
            return ("sqlite", "problem", f"{sqlite3.sqlite_version} without FTS5", "use a Python built with FTS5")
    return ("sqlite", "ok", f"{sqlite3.sqlite_version} with FTS5", "")


def _home(settings: Settings) -> Check:
    try:
        ensure_writable(settings.home)
    except LyceumError as error:
        return ("home", "problem", error.message, error.next_step)
    return ("home", "ok", str(settings.home), "")


def _disk(settings: Settings) -> Check:
    existing = next(folder for folder in (settings.home, *settings.home.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    state = "ok" if free > LITTLE_DISK else "warning"
    return ("disk", state, f"{free / 1024**3:.1f} GiB free", "" if state == "ok" else "free some space")


def _sandbox() -> Check:
    from mcp_servers.sandbox.tiers import reached

    probes = reached()
    working = [name for name, missing in probes.items() if not missing]
    missing = "; ".join(reason for reason in probes.values() if reason)
    return ("sandbox", "ok" if working else "problem", ", ".join(working) or "no tier works", missing)


def _embeddings() -> Check:
    from models.embeddings import default_embedder

    try:
        dimensions = len(default_embedder().embed(["probe"])[0])
    except LyceumError as error:
        return ("embeddings", "warning", f"search is by words only: {error.message}", error.next_step)
    return ("embeddings", "ok", f"MiniLM, {dimensions} dimensions", "")


def _models(settings: Settings) -> list[Check]:
    """Who can answer; where only the offline engine can, how to have more."""
    from models.ladder import LOCAL, rungs
    from models.local.store import installed

    damaged = [
        ("models", "problem", f"local:{each.name} is damaged: {each.problem}", f"lyceum models pull {each.name}")
        for each in installed(settings.home)
        if each.problem
    ]
    ready = [rung for rung in rungs(settings, os.environ) if rung.available]
    fix = f"for answers that reason: `lyceum models pull {LOCAL}`, or set a provider key" if len(ready) == 1 else ""
    return [*damaged, *(("models", "ok", f"{rung.name}: {rung.reason}", fix) for rung in ready)]
