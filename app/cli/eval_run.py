"""`lyceum eval run`: suites are asked, kept, judged against their baselines and reported."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from app.cli.eval_report import tell
from app.front_door import front_door
from evals import catalogue
from evals.baseline import Baseline
from evals.gate import EXIT, Finding, Gate, judge, settle
from evals.reports.told import Judged
from evals.stored import Manifest, StoredRun, fingerprint
from evals.suite import CaseResult, FrontDoor, Suite, SuiteReport, chosen, run_suite
from lyceum.errors import UserError
from lyceum.settings import Settings
from models.cache import uncached

OFFLINE = "offline"


async def run_suites(args: argparse.Namespace, settings: Settings) -> int:
    """Ask the suites and return the exit code: 0, 1 worse, 5 underpowered, 6 not decided because of errors."""
    names = args.suite or list(catalogue.cards())
    kept = StoredRun.open(args.resume) if args.resume else None
    if kept is not None:
        names = args.suite or list(kept.manifest.suites)
        args.split, args.limit, args.trials = kept.manifest.split, kept.manifest.limit, kept.manifest.trials
    suites = [catalogue.load(name) for name in names]
    judged: list[Judged] = []
    # Trials of one case must be independent: none may get the answer that another one left in the cache.
    with uncached() if args.trials > 1 else nullcontext():
        async with front_door(settings, [role for suite in suites for role in suite.roles]) as door:
            print(f"answered by {door.model}", file=sys.stderr)
            if kept is None:
                kept = StoredRun.create(args.report or folder_of(settings), _manifest(args, door.model, suites))
            elif kept.manifest.model != door.model:
                raise UserError(
                    f"{kept.manifest.model} answered there, {door.model} would now.",
                    next_step=f"Give --model {kept.manifest.model}, or begin a new run.",
                )
            for suite, report in zip(suites, await _all(args, suites, door, kept), strict=True):
                judged.append(decide(args, suite, report, door.model, catalogue.FOLDER / suite.name / "baseline.json"))
    return finish(args, judged, door.model, kept.folder)


async def _all(args: argparse.Namespace, suites: list[Suite], door: FrontDoor, kept: StoredRun) -> list[SuiteReport]:
    """Ask one suite after the other, and beside them those that mostly wait."""
    waiting = [suite for suite in suites if suite.waits and len(suites) > 1]
    beside = {suite.name: asyncio.create_task(_asked(args, suite, door, kept)) for suite in waiting}
    try:
        here = {suite.name: await _asked(args, suite, door, kept) for suite in suites if suite.name not in beside}
        return [here.get(suite.name) or await beside[suite.name] for suite in suites]
    finally:
        for task in beside.values():
            task.cancel()
        await asyncio.gather(*beside.values(), return_exceptions=True)


async def _asked(args: argparse.Namespace, suite: Suite, door: FrontDoor, kept: StoredRun) -> SuiteReport:
    try:
        return await run_suite(
            suite,
            door,
            split=args.split,
            limit=args.limit,
            trials=args.trials,
            timeout=args.timeout,
            concurrency=args.concurrency,
            done=kept.done(suite),
            progress=_progress(suite, args, kept),
        )
    except (asyncio.CancelledError, KeyboardInterrupt):
        print(f"go on with: lyceum eval run --resume {kept.folder}", file=sys.stderr)
        raise


async def asked(
    args: argparse.Namespace, suite: Suite, door: FrontDoor, kept: StoredRun | None, place: Path, suites: list[Suite]
) -> tuple[SuiteReport, StoredRun]:
    """Ask one suite in a folder that keeps it, going on with what is kept there already."""
    model = str(getattr(door, "model", ""))
    kept = kept or StoredRun.create(place, _manifest(args, model, suites))
    return await _asked(args, suite, door, kept), kept


def folder_of(settings: Settings) -> Path:
    return settings.home / "evals" / datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")


def _manifest(args: argparse.Namespace, model: str, suites: list[Suite]) -> Manifest:
    asked = {
        suite.name: {case.id: fingerprint(case) for case in chosen(suite, args.split, args.limit)} for suite in suites
    }
    return Manifest(model=model, split=args.split, limit=args.limit, trials=args.trials, suites=asked)


def _progress(suite: Suite, args: argparse.Namespace, kept: StoredRun) -> Callable[[CaseResult], None]:
    done = len(kept.done(suite))
    count = len(chosen(suite, args.split, args.limit)) * args.trials

    def line(result: CaseResult) -> None:
        nonlocal done
        done += 1
        kept.keep(suite.name, result)
        seconds = result.outcome.seconds
        print(f"  {suite.name} {done:>3}/{count} {result.verdict:<8} {result.case} {seconds:.2f} s", file=sys.stderr)

    return line


def decide(args: argparse.Namespace, suite: Suite, report: SuiteReport, model: str, path: Path) -> Judged:
    """Judge a report by the baseline at `path`, or make it the baseline."""
    baseline = Baseline(path)
    if args.update_baseline:
        baseline.update(model, suite, report)
        baseline = Baseline(path)
    random = suite.random or model != OFFLINE
    gate = judge(suite, report, baseline, model, random=random, margin=args.margin, limit=args.limit)
    if args.require_baseline:
        gate.findings = [Finding("missing", "", f.text) if f.kind == "no baseline" else f for f in gate.findings]
    return Judged(report, gate, {case.id: case.input for case in suite.cases})


def finish(args: argparse.Namespace, judged: list[Judged], model: str, folder: Path | None) -> int:
    """Decide over all suites, report, and return the exit code."""
    gates: list[Gate] = [each.gate for each in judged]
    decision = settle(gates)
    tell(judged, decision, model, folder, as_json=args.json)
    return EXIT[decision]
