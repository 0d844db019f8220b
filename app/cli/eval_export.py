"""`lyceum eval export`: kept outcomes to a tracing service, cases as a data set of pydantic-evals."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from app.cli.terminal import say
from evals import catalogue
from evals.interop.otlp import TARGETS, headers_of, resource_of, send, spans_of
from evals.interop.pydantic_dataset import dataset_of
from evals.stored import StoredRun
from evals.suite import load_cases
from lyceum.errors import UserError, nearest


def export(args: argparse.Namespace) -> int:
    """Send a kept run's folder to `--target`, or write a suite's cases as a data set to `--to`."""
    if len(args.suite) != 1:
        raise UserError("Export what? lyceum eval export FOLDER|SUITE", next_step="A kept run, a suite or a file.")
    name = args.suite[0]
    if args.to is not None:
        import yaml

        cases = load_cases(Path(name)) if Path(name).is_file() else catalogue.load(name).cases
        told = yaml.safe_dump(dataset_of(cases, Path(name).stem), sort_keys=False, allow_unicode=True, width=110)
        args.to.write_text(told, encoding="utf-8")
        say(f"{len(cases)} cases are in {args.to}")
        return 0
    if args.target not in TARGETS:
        raise UserError(f"There is no target {args.target!r}.", next_step=nearest(args.target, TARGETS, what="targets"))
    target = TARGETS[args.target]
    base = args.url or target.base(os.environ)
    if not base.startswith(("http://", "https://")):
        asked = f"or set {target.url[0]}" if target.url else "such as http://127.0.0.1:4318"
        raise UserError("Where to?", next_step=f"Give --url URL, {asked}.")
    url = base.rstrip("/") + ("" if base.rstrip("/").endswith(target.path) else target.path)
    run = StoredRun.open(Path(name))
    spans = list(spans_of(run.samples(), run=run.folder.name, at=time.time_ns()))
    headers, resource = headers_of(args.target, os.environ), resource_of(args.target, os.environ)
    count = send(url, spans, headers, resource=resource, protobuf=target.protobuf)
    say(f"{len(spans)} spans of {len(run.samples())} answers were sent to {args.target} in {count} requests")
    return 0
