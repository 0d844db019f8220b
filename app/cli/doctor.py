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
from typing import TYPE_CHECKING

from lyceum.errors import LyceumError
from lyceum.paths import ensure_writable
from lyceum.settings import Settings

if TYPE_CHECKING:
    from mcp_servers.sandbox.packages import Packages

OURS = ("lyceum", "models", "memory", "agents", "workflows", "evals", "mcp_servers", "app")
ROOT = Path(__file__).resolve().parents[2]
LITTLE_DISK = 2 * 1024**3

Check = tuple[str, str, str, str]  # name, ok | warning | problem, what was found, how to fix it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.add_argument("--warm", action="store_true", help="load what chat needs, so that it starts fast")
    parser.add_argument("--fix", action="store_true", help="install the packages that code in the sandbox may import")
    parser.add_argument("--attack", action="store_true", help="try to break the tool servers' walls on this machine")


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.warm:
        return _warm(settings)
    if args.attack:
        return _attack(as_json=args.json)
    if args.fix:
        _fix(settings)
    checks = [
        _python(), _names(), _sqlite(), _home(settings), _disk(settings), _embeddings(), _sandbox(),
        _packages(settings), *_models(settings),
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


def _packages(settings: Settings) -> Check:
    packages = _sandbox_packages(settings)
    if sys.platform != "linux":
        return ("packages", "ok", "none: no tier of full Python runs here", "")
    if packages.installed() is None:
        return ("packages", "warning", "code in the sandbox has no pandas and no matplotlib", "lyceum doctor --fix")
    return ("packages", "ok", f"in the sandbox: {', '.join(packages.names())}", "")


def _sandbox_packages(settings: Settings) -> Packages:
    from mcp_servers.sandbox.packages import Packages
    from mcp_servers.sandbox.server import SandboxSettings

    return Packages(settings.home, settings.section("sandbox", SandboxSettings).requirements)


def _fix(settings: Settings) -> None:
    """Do what can be done from here; the lines that follow say what is left."""
    packages = _sandbox_packages(settings)
    if packages.installed() is None:
        print("installing the sandbox's packages, which takes about a minute", file=sys.stderr)
        packages.install()


def attackable() -> list[str]:
    """Return the tool servers that come with safety probes."""
    from mcp_servers.catalogue import FOLDER

    return sorted(path.parent.name for path in FOLDER.glob("*/probes.py"))


def _attack(*, as_json: bool) -> int:
    """Run the safety probes of every server that has some; what did not hold is a line of its own."""
    import importlib

    failed = total = 0
    for server in attackable():
        print(f"attacking {server} ...", file=sys.stderr, flush=True)
        found = importlib.import_module(f"mcp_servers.{server}.probes").probes()
        total += len(found)
        failed += sum(not each.held for each in found)
        for each in found:
            if as_json:
                line = {"server": server, "name": each.name, "held": each.held, "detail": each.detail}
                print(json.dumps(line), flush=True)
            elif not each.held:
                print(f"✗ {server}: {each.name}: {each.detail}", flush=True)
        if not as_json:
            print(f"{sum(each.held for each in found)} of {len(found)} attacks on {server} were stopped", flush=True)
    return 1 if failed or not total else 0


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
