"""`lyceum eval run`: suites are asked, kept, judged against their baselines and reported."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

from app.cli.eval_report import tell, write
from app.cli.stopping import abandon_threads
from app.front_door import front_door
from evals import catalogue
from evals.baseline import Baseline
from evals.gate import EXIT, Finding, Gate, judge, settle
from evals.reports.told import Judged
from evals.stored import Manifest, StoredRun, alone, fingerprint
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
        if strange := [name for name in names if name not in kept.manifest.suites]:
            raise UserError(f"{', '.join(strange)} was not asked there.", next_step="Begin a new run for it.")
        if args.report and args.report.resolve() != args.resume.resolve():
            raise UserError("A run goes on in its own folder.", next_step="Leave out --report.")
        if kept.manifest.added:
            raise UserError(
                "That is one pair of a matrix.", next_step="Give the matrix's own command again, with its --report."
            )
        only_as_kept(args, kept)
        if not args.model and kept.manifest.model != OFFLINE and not args.offline:
            settings = settings.model_copy(update={"offline": False, "model": kept.manifest.model})
    suites = [catalogue.load(name) for name in names]
    if not any(chosen(suite, args.split, args.limit) for suite in suites):
        raise UserError(f"No case of {', '.join(names)} is asked so.", next_step="Leave out --split, or add cases.")
    folder: Path = args.resume or args.report or folder_of(settings)
    judged: list[Judged] = []
    # Trials of one case must be independent: none may get the answer that another one left in the cache.
    with alone(folder), interruptible(), uncached() if args.trials > 1 else nullcontext():
        async with front_door(settings, [role for suite in suites for role in suite.roles]) as door:
            print(f"answered by {door.model}", file=sys.stderr)
            if kept is None:
                kept = StoredRun.create(folder, _manifest(args, door.model, suites))
            elif kept.manifest.model != door.model:
                raise UserError(
                    f"{kept.manifest.model} answered there, {door.model} would now.",
                    next_step=f"Give --model {kept.manifest.model}, or begin a new run.",
                )
            try:
                reports = await _all(args, suites, door, kept)
            except (asyncio.CancelledError, KeyboardInterrupt):
                _stopped(args, suites, kept)
                raise
            for suite, report in zip(suites, reports, strict=True):
                judged.append(decide(args, suite, report, door.model, catalogue.baseline(suite.name)))
        return finish(args, judged, door.model, folder)


def only_as_kept(args: argparse.Namespace, kept: StoredRun) -> None:
    """Take from a kept run what was asked there; raises UserError where a flag says otherwise."""
    for flag, unset in (("split", None), ("limit", None), ("trials", 1)):
        given, there = getattr(args, flag), getattr(kept.manifest, flag)
        if given not in (unset, there):
            raise UserError(
                f"--{flag} {given} is not what {kept.folder} was asked ({there or 'all'}).",
                next_step=f"Leave out --{flag}, or begin a new run.",
            )
        setattr(args, flag, there)


@contextmanager
def interruptible() -> Generator[None]:
    """Let Ctrl-C, or the SIGTERM of a CI system that gives up, cancel what runs here; the second one ends the process
    at once, whatever does not let itself be cancelled: what was answered is on disk already.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    both = (signal.SIGINT, signal.SIGTERM)
    before = signal.getsignal(signal.SIGINT)

    def once() -> None:
        for each in both:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        if task is not None:
            task.cancel()

    listens = False
    with suppress(NotImplementedError, RuntimeError, ValueError):  # not off the main thread, and not on Windows
        for each in both:
            loop.add_signal_handler(each, once)
        listens = True
    try:
        yield
    except asyncio.CancelledError:
        abandon_threads()
        raise KeyboardInterrupt from None
    finally:
        if listens:
            for each in both:
                loop.remove_signal_handler(each)
            signal.signal(signal.SIGINT, before)


def decide_kept(args: argparse.Namespace, suite: Suite, kept: StoredRun) -> Judged:
    """Judge what was kept; an outcome that belongs to no case as it is now is told, and fails."""
    judged = decide(args, suite, kept.judged(suite), kept.manifest.model, catalogue.baseline(suite.name))
    judged.gate.findings += [Finding("missing", case, why) for case, why in kept.strays(suite).items()]
    return judged


def _stopped(args: argparse.Namespace, suites: list[Suite], kept: StoredRun) -> None:
    """Report what is there of a run that was stopped: what was not asked is missing."""
    asked = argparse.Namespace(**{**vars(args), "update_baseline": False})
    judged = [decide_kept(asked, suite, kept) for suite in suites]
    write(judged, settle([each.gate for each in judged]), kept.manifest.model, kept.folder)
    whole = sum(len(chosen(suite, args.split, args.limit)) * args.trials for suite in suites)
    print(f"{len(kept.samples())} of {whole} answers are kept, and reported, in {kept.folder}", file=sys.stderr)
    print(f"go on with: lyceum eval run --resume {kept.folder}", file=sys.stderr)


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
    except ExceptionGroup as group:  # of tasks side by side; only keeping an outcome raises in them
        raise group.exceptions[0] from None


async def asked(
    args: argparse.Namespace, suites: list[Suite], door: FrontDoor, place: Path, added: str
) -> list[SuiteReport]:
    """Ask suites in a folder that keeps them, going on with what is kept there already of the same request."""
    wanted = _manifest(args, str(getattr(door, "model", "")), suites).model_copy(update={"added": added})
    kept = StoredRun.open(place) if (place / "run.json").exists() else StoredRun.create(place, wanted)
    if kept.manifest.model_copy(update={"suites": wanted.suites}) != wanted:
        raise UserError(
            f"{place} was asked otherwise: by another model, prompt, --split, --limit or --trials.",
            next_step="Give another --report DIR.",
        )
    return [await _asked(args, suite, door, kept) for suite in suites]


def folder_of(settings: Settings) -> Path:
    return settings.home / "evals" / datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")


def _manifest(args: argparse.Namespace, model: str, suites: list[Suite]) -> Manifest:
    asked = {
        suite.name: {case.id: fingerprint(case) for case in chosen(suite, args.split, args.limit)} for suite in suites
    }
    return Manifest(model=model, split=args.split, limit=args.limit, trials=args.trials, suites=asked)


def _progress(suite: Suite, args: argparse.Namespace, kept: StoredRun) -> Callable[[CaseResult], None]:
    done = len(kept.done(suite))
    prints = {case.id: fingerprint(case) for case in suite.cases}
    count = len(chosen(suite, args.split, args.limit)) * args.trials

    def line(result: CaseResult) -> None:
        nonlocal done
        done += 1
        kept.keep(suite.name, result, prints[result.case])
        seconds = result.outcome.seconds
        print(f"  {suite.name} {done:>3}/{count} {result.verdict:<8} {result.case} {seconds:.2f} s", file=sys.stderr)

    return line


def decide(args: argparse.Namespace, suite: Suite, report: SuiteReport, model: str, path: Path) -> Judged:
    """Judge a report by the baseline at `path`, or make it the baseline; raises UserError where a part would be it."""
    baseline = Baseline(path)
    if args.update_baseline:
        whole = {case.id for case in chosen(suite, report.split)}
        counts = Counter(result.case for result in report.results)
        if any(counts[case] < args.trials for case in whole):
            raise UserError(
                f"A baseline is of whole splits: of {len(whole)} cases of {suite.name} some were not asked.",
                next_step="Leave out --limit, and let the run end (--resume).",
            )
        baseline.update(model, suite, report, random=suite.random or model != OFFLINE)
        baseline = Baseline(path)
    random = suite.random or model != OFFLINE
    gate = judge(
        suite, report, baseline, model, random=random, margin=args.margin, limit=args.limit, trials=args.trials
    )
    if args.require_baseline:
        gate.findings = [Finding("missing", "", f.text) if f.kind == "no baseline" else f for f in gate.findings]
    return Judged(report, gate, {case.id: case.input for case in suite.cases})


def finish(args: argparse.Namespace, judged: list[Judged], model: str, folder: Path | None) -> int:
    """Decide over all suites, report, and return the exit code."""
    gates: list[Gate] = [each.gate for each in judged]
    decision = settle(gates)
    tell(judged, decision, model, folder, as_json=args.json)
    return EXIT[decision]
