"""`lyceum eval`: how often the product is right, wrong or declines, on questions with known answers."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from lyceum.errors import UserError
from lyceum.settings import Settings

if TYPE_CHECKING:
    from evals.suite import CaseResult, Suite, SuiteReport

REGRESSED, NO_INFRASTRUCTURE = 1, 6
Counts = Mapping[str, int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["run", "list"])
    parser.add_argument("suite", nargs="*", help="the suites to run; all by default")
    parser.add_argument("--split", choices=["dev", "heldout"], help="only these cases; both by default")
    parser.add_argument("--limit", type=_positive, metavar="N", help="at most this many cases a suite")
    parser.add_argument("--model", metavar="M", help="who answers; see `lyceum models list`")
    parser.add_argument("--offline", action="store_true", help="use the offline engine")
    parser.add_argument("--json", action="store_true", help="one report a line on standard output")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write SUITE.json with every case here")
    parser.add_argument("--update-baseline", action="store_true", help="what is measured now is what to keep up")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from evals import catalogue

    if args.action == "list":
        known = catalogue.cards()
        print(json.dumps(known, indent=2) if args.json else "\n".join(f"{k:<18} {v}" for k, v in known.items()))
        return 0
    if args.limit and args.update_baseline:
        raise UserError("A baseline is of whole splits.", next_step="Leave out --limit.")
    suites = [catalogue.load(name) for name in args.suite or catalogue.cards()]
    return asyncio.run(_run(args, settings, suites))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


async def _run(args: argparse.Namespace, settings: Settings, suites: list[Suite]) -> int:
    from app.front_door import front_door
    from evals.suite import run_suite

    code = 0
    async with front_door(settings) as door:
        print(f"answered by {door.model}", file=sys.stderr)
        for suite in suites:
            cases = [case for case in suite.cases if args.split in (None, case.split)]
            count = min(len(cases), args.limit or len(cases))
            report = await run_suite(suite, door, split=args.split, limit=args.limit, progress=_progress(suite, count))
            _write(args, report)
            if report.counts["error"]:
                print(f"{suite.name}: {report.counts['error']} cases ended in an error", file=sys.stderr)
                code = NO_INFRASTRUCTURE
            if not args.limit:
                code = _against_baseline(suite, report, door.model, update=args.update_baseline) or code
    return code


def _progress(suite: Suite, count: int) -> Callable[[CaseResult], None]:
    done = 0

    def line(result: CaseResult) -> None:
        nonlocal done
        done += 1
        seconds = result.outcome.seconds
        print(f"  {suite.name} {done:>3}/{count} {result.verdict:<8} {result.case} {seconds:.2f} s", file=sys.stderr)

    return line


def _write(args: argparse.Namespace, report: SuiteReport) -> None:
    if args.report:
        args.report.mkdir(parents=True, exist_ok=True)
        (args.report / f"{report.suite}.json").write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    print(report.model_dump_json() if args.json else table(report), flush=True)


def table(report: SuiteReport) -> str:
    """The counts as people read them: a verdict a line, its share with the 95 % interval."""
    from evals.intervals import wilson

    total = len(report.results)
    lines = [
        f"{report.suite}, {report.split or 'all'}: {total} cases in {report.seconds:.1f} s, {report.tokens} tokens"
    ]
    for verdict, count in report.counts.items():
        low, high = wilson(count, total)
        share = count / max(1, total)
        lines.append(f"  {verdict:<9} {count:>4}  {share:>6.1%}  [{low:.1%} to {high:.1%}]")
    return "\n".join(lines)


def _counts(suite: Suite, report: SuiteReport, split: str) -> Counts:
    """Return how often each verdict was given in a split; empty when none of its cases was asked."""
    of = {case.id: case.split for case in suite.cases}
    given = [result.verdict for result in report.results if of[result.case] == split]
    return {verdict: given.count(verdict) for verdict in report.counts} if given else {}


def _against_baseline(suite: Suite, report: SuiteReport, model: str, *, update: bool) -> int:
    """Compare with what the suite's baseline.json promises for this model, split by split; tell what got worse."""
    from evals.catalogue import FOLDER
    from evals.suite import Split

    path = FOLDER / suite.name / "baseline.json"
    known: dict[str, dict[str, Counts]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    now = {split: counts for split in get_args(Split) if (counts := _counts(suite, report, split))}
    if update:
        known[model] = {**known.get(model, {}), **now}
        path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return 0
    worse = [
        f"{suite.name}, {split}: {before['right']} right and {before['wrong']} wrong before, "
        f"{now[split]['right']} and {now[split]['wrong']} now"
        for split, before in known.get(model, {}).items()
        if split in now and (now[split]["right"] < before["right"] or now[split]["wrong"] > before["wrong"])
    ]
    for line in worse:
        print(f"worse than the baseline: {line}", file=sys.stderr)
    return REGRESSED if worse else 0
