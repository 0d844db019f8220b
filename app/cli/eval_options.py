"""The options of `lyceum eval`, by the actions that read them: another action refuses one rather than pass it over."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from lyceum.errors import UserError

ACTIONS = ("run", "list", "score", "review", "judge", "add", "check", "export", "bench")
_ON: dict[str, Any] = {"action": "store_true"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser the action, what it is about, and all options, in groups by action."""
    parser.add_argument(
        "action",
        choices=ACTIONS,
        help="run suites; list them; score what was kept or recorded; review and judge answers; add and check cases; "
        "export a run; bench: a benchmark of other people",
    )
    parser.add_argument(
        "suite",
        nargs="*",
        help="run: the suites, all by default; score: a kept run's folder, or a file of trajectories; "
        "review, judge: a kept run's folder; add: a run of the product, or documents; check: suites",
    )
    for actions, options in _options().items():
        group = parser.add_argument_group(actions)
        for flag, told in options.items():
            group.add_argument(flag, **told)


def refuse_others(args: argparse.Namespace) -> None:
    """Raise UserError where an option was given that the action does not read."""
    takers: dict[str, set[str]] = {}
    unset: dict[str, Any] = {}
    for actions, options in _options().items():
        for flag, told in options.items():
            takers[flag] = set(ACTIONS) if actions == "every action" else set(actions.split(", "))
            unset[flag] = told.get("default", False if told.get("action") else None)
    for flag, actions in takers.items():
        given = getattr(args, flag.strip("-").replace("-", "_"))
        if args.action not in actions and given != unset[flag]:
            raise UserError(
                f"eval {args.action} takes no {flag}; eval {' and '.join(sorted(actions))} would.",
                next_step="Leave it out; lyceum eval --help says what each takes.",
            )


def _options() -> dict[str, dict[str, dict[str, Any]]]:
    return {
        "run": {
            "--trials": {"type": _positive, "default": 1, "metavar": "N", "help": "ask every case so often, each anew"},
            "--timeout": {"type": _seconds, "metavar": "S", "help": "seconds for one answer; none by default"},
            "--concurrency": {"type": _positive, "default": 1, "metavar": "N", "help": "ask so many cases at once"},
            "--resume": {"type": Path, "metavar": "DIR", "help": "go on with an interrupted run kept there"},
            "--matrix": {
                "nargs": 2,
                "metavar": ("MODELS", "PROMPTS"),
                "help": "M,M,... and FILE,FILE,..., or none",
            },
        },
        "run, score": {
            "--split": {"choices": ["dev", "heldout"], "help": "only these cases; both by default"},
            "--update-baseline": {**_ON, "help": "what is measured now is what to keep up"},
            "--require-baseline": {**_ON, "help": "a suite without a baseline fails"},
            "--margin": {
                "type": _share,
                "default": 0.05,
                "metavar": "R",
                "help": "the drop that must be ruled out: 0.05",
            },
        },
        "run, score, bench": {
            "--report": {"type": Path, "metavar": "DIR", "help": "write the reports and every outcome here"},
        },
        "run, judge, bench": {
            "--model": {"metavar": "M", "help": "who answers or judges; run: the offline engine by default"},
        },
        "run, list, score, judge, bench": {
            "--json": {**_ON, "help": "for programs: JSON on standard output, a line a suite"},
        },
        "run, score, review, judge, add, check, bench": {
            "--limit": {"type": _positive, "metavar": "N", "help": "at most this many cases a suite"},
        },
        "every action": {
            "--offline": {**_ON, "help": "use the offline engine"},
        },
        "score": {
            "--cases": {"type": Path, "metavar": "FILE", "help": "what is expected of the trajectories"},
            "--baseline": {"type": Path, "metavar": "FILE", "help": "the baseline to compare with"},
        },
        "review": {
            "--by": {"default": "", "metavar": "NAME", "help": "who labels; you by default"},
            "--html": {"type": Path, "metavar": "FILE", "help": "write the page to label on"},
            "--labels": {"type": Path, "metavar": "FILE", "help": "take the labels that the page saved"},
        },
        "judge": {
            "--rubric": {"type": Path, "metavar": "FILE", "help": "what right means, in words"},
            "--against": {"type": Path, "metavar": "DIR", "help": "another run, to compare answer by answer"},
        },
        "add, export": {
            "--to": {"type": Path, "metavar": "FILE", "help": "the cases' file, which may be new"},
        },
        "add": {
            "--id": {"default": "", "metavar": "ID", "help": "the new case's id"},
            "--adversarial": {**_ON, "help": "also variants that must end the same"},
            "--into": {"choices": ["dev", "heldout"], "default": "dev", "help": "the split; dev by default"},
        },
        "export": {
            "--target": {"default": "collector", "help": "collector, langfuse, phoenix or langsmith"},
            "--url": {"default": "", "metavar": "URL", "help": "where it listens"},
        },
        "bench": {
            "--data": {"type": Path, "metavar": "DIR", "help": "where the benchmark's repository lies"},
            "--part": {"default": "", "metavar": "P", "help": "its category, domain or suite"},
            "--replay": {"type": Path, "metavar": "FILE", "help": "trajectories by the tasks' ids"},
            "--policy": {"choices": ["gold", "obedient", "idle"], "default": "gold", "help": "what is played"},
            "--python": {"default": "", "metavar": "PATH", "help": "an interpreter that has its packages"},
        },
    }


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _seconds(text: str) -> float:
    if not _number(text) > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return float(text)


def _share(text: str) -> float:
    if not 0 < _number(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share between 0 and 1, such as 0.05")
    return float(text)
