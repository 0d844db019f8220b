"""`lyceum eval`: how often the product is right, wrong or declines, on questions with known answers."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from lyceum.errors import UserError
from lyceum.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", choices=["run", "list", "score", "review", "judge", "add", "check", "export", "bench"]
    )
    parser.add_argument(
        "suite",
        nargs="*",
        help="run: the suites, all by default; score: a kept run's folder, or a file of trajectories; "
        "review, judge: a kept run's folder; add: a run of the product, or documents; check: suites",
    )
    parser.add_argument("--split", choices=["dev", "heldout"], help="only these cases; both by default")
    parser.add_argument("--limit", type=_positive, metavar="N", help="at most this many cases a suite")
    parser.add_argument("--model", metavar="M", help="who answers; run: the offline engine by default")
    parser.add_argument("--offline", action="store_true", help="use the offline engine")
    parser.add_argument("--json", action="store_true", help="one report a line on standard output")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write the reports and every outcome here")
    parser.add_argument("--update-baseline", action="store_true", help="what is measured now is what to keep up")
    parser.add_argument("--require-baseline", action="store_true", help="a suite without a baseline fails")
    parser.add_argument("--trials", type=_positive, default=1, metavar="N", help="ask every case so often, each anew")
    parser.add_argument("--timeout", type=_seconds, metavar="S", help="seconds for one answer; none by default")
    parser.add_argument("--concurrency", type=_positive, default=1, metavar="N", help="ask so many cases at once")
    parser.add_argument(
        "--margin", type=_share, default=0.05, metavar="R", help="the drop that must be ruled out: 0.05"
    )
    parser.add_argument("--resume", type=Path, metavar="DIR", help="run: go on with an interrupted run kept there")
    parser.add_argument("--cases", type=Path, metavar="FILE", help="score: what is expected of the trajectories")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="score: the baseline to compare with")
    parser.add_argument("--by", default="", metavar="NAME", help="review: who labels; you by default")
    parser.add_argument("--html", type=Path, metavar="FILE", help="review: write the page to label on")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="review: take the labels that the page saved")
    parser.add_argument("--rubric", type=Path, metavar="FILE", help="judge: what right means, in words")
    parser.add_argument("--against", type=Path, metavar="DIR", help="judge: another run, to compare answer by answer")
    parser.add_argument("--to", type=Path, metavar="FILE", help="add, export: the cases' file, which may be new")
    parser.add_argument("--data", type=Path, metavar="DIR", help="bench: where the benchmark's repository lies")
    parser.add_argument("--part", default="", metavar="P", help="bench: its category, domain or suite")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="bench: trajectories by the tasks' ids")
    parser.add_argument("--policy", choices=["gold", "obedient", "idle"], default="gold", help="bench: what is played")
    parser.add_argument("--python", default="", metavar="PATH", help="bench: an interpreter that has its packages")
    parser.add_argument("--target", default="collector", help="export: collector, langfuse, phoenix or langsmith")
    parser.add_argument("--url", default="", metavar="URL", help="export: where it listens")
    parser.add_argument("--id", default="", metavar="ID", help="add: the new case's id")
    parser.add_argument("--adversarial", action="store_true", help="add: also variants that must end the same")
    parser.add_argument("--into", choices=["dev", "heldout"], default="dev", help="add: the split; dev by default")
    parser.add_argument(
        "--matrix", nargs=2, metavar=("MODELS", "PROMPTS"), help="run: M,M,... and FILE,FILE,..., or none"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    from evals import catalogue

    if args.action == "list":
        known = catalogue.cards()
        print(json.dumps(known, indent=2) if args.json else "\n".join(f"{k:<18} {v}" for k, v in known.items()))
        return 0
    if args.action == "score":
        from app.cli.eval_score import score

        return score(args, settings)
    if args.action == "review":
        from app.cli.eval_review import review

        return review(args)
    if args.action == "judge":
        from app.cli.eval_judge import judge

        return judge(args, settings)
    if args.action == "bench":
        from app.cli.eval_bench import bench

        return bench(args, settings)
    if args.action == "export":
        from app.cli.eval_export import export

        return export(args)
    if args.action in ("add", "check"):
        from app.cli import eval_add

        return eval_add.add(args, settings) if args.action == "add" else eval_add.check(args)
    if args.limit and args.update_baseline:
        raise UserError("A baseline is of whole splits.", next_step="Leave out --limit.")
    if args.matrix:
        from app.cli.eval_matrix import run_matrix

        return asyncio.run(run_matrix(args, settings))
    from app.cli.eval_run import run_suites

    if not args.model:  # a key or a pulled model that happens to be there must not decide what a check measures
        settings = settings.model_copy(update={"offline": True})
    return asyncio.run(run_suites(args, settings))


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
