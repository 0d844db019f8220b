"""`lyceum eval score`: a kept run, or the trajectories of somebody else's agent, are judged; nobody is asked."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from app.cli.eval_run import decide, decide_kept, finish, only_as_kept
from app.scoring import scorers
from evals import catalogue
from evals.gate import Finding
from evals.interop.pydantic_dataset import cases_of, is_dataset
from evals.recorded import all_right, matched
from evals.recording.files import read_trajectories
from evals.reports.told import Judged
from evals.stored import StoredRun
from evals.suite import Case, FrontDoor, Outcome, Suite, load_cases
from evals.suites.turns import last_turn
from lyceum.errors import UserError
from lyceum.settings import Settings


def score(args: argparse.Namespace, settings: Settings) -> int:
    """Return the exit code: 0 as good as known, 1 not, 5 underpowered, 6 errors."""
    del settings
    if not args.suite:
        raise UserError("Score what? lyceum eval score FILE --cases CASES", next_step="docs/evals.md shows the forms.")
    paths = [Path(name) for name in args.suite]
    if len(paths) == 1 and paths[0].is_dir():
        return _again(args, StoredRun.open(paths[0]))
    if args.cases is None:
        raise UserError("What is expected of them?", next_step="Give --cases FILE, a YAML list of cases.")
    cases = _cases(args.cases)
    trajectories = read_trajectories(*paths)

    suite = Suite(args.cases.stem, "", cases, _unasked, scorers())
    report, strangers = matched(suite, trajectories, split=args.split, limit=args.limit)
    if args.baseline or args.update_baseline:
        path = args.baseline or args.cases.with_name("baseline.json")
        judged = decide(args, suite, report, "recorded", path)
    else:
        gate = all_right(suite, report, limit=args.limit)
        judged = Judged(report, gate, {case.id: case.input for case in cases})
    judged.gate.findings += [Finding("new", name, "a trajectory of no case there is") for name in strangers]
    return finish(args, [judged], "recorded", args.report)


def _cases(path: Path) -> tuple[Case, ...]:
    """Read our own list of cases, or a data set of pydantic-evals."""
    import yaml

    try:
        given: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, ValueError):  # ValueError: a date that does not exist
        given = None  # the reader of cases says what is wrong, and where
    return tuple(cases_of(given, str(path))) if is_dataset(given) else tuple(map(last_turn, load_cases(path)))


async def _unasked(front_door: FrontDoor, case: Case) -> Outcome:
    raise AssertionError(f"{case.id} was recorded; nobody is asked at {front_door}")


def _again(args: argparse.Namespace, kept: StoredRun) -> int:
    for flag in ("cases", "baseline"):
        if getattr(args, flag):
            raise UserError(
                f"--{flag} is for recorded trajectories; a kept run has its suites' own.", next_step="Leave it out."
            )
    only_as_kept(args, kept)
    judged = [decide_kept(args, catalogue.load(name), kept) for name in kept.manifest.suites]
    return finish(args, judged, kept.manifest.model, args.report or kept.folder)
