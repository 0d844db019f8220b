"""`lyceum models`: who can answer here."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict

from lyceum.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["list"], help="list: every rung of the ladder, available or what is missing")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from models.resolve import ResolvedModels, rungs

    found = rungs(settings, os.environ)
    if args.json:
        print(json.dumps([asdict(rung) for rung in found], indent=2))
        return 0
    for rung in found:
        print(f"{'✓' if rung.available else ' '} {rung.name:<18} {rung.model:<40} {rung.reason}")
    print(f"\nanswers now: {ResolvedModels(settings, os.environ).reason}")
    return 0
