"""`lyceum eval`: how often the product is right, wrong or declines, on questions with known answers."""

from __future__ import annotations

import argparse
import asyncio
import json

from app.cli.eval_options import add_arguments, refuse_others
from lyceum.errors import UserError
from lyceum.settings import Settings

__all__ = ["add_arguments", "run"]


def run(args: argparse.Namespace, settings: Settings) -> int:
    refuse_others(args)
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
    asked = args.matrix[0].split(",") if args.matrix else [args.model or ""]
    greedy = [name for name in asked if name.split(":")[0] == "local" and not settings.provider.temperature]
    if greedy and args.trials > 1:
        raise UserError(
            f"{greedy[0]} answers greedily: {args.trials} trials would be one answer, {args.trials} times.",
            next_step="Set LYCEUM_PROVIDER__TEMPERATURE=0.7, or leave out --trials.",
        )
    if args.matrix:
        from app.cli.eval_matrix import run_matrix

        return asyncio.run(run_matrix(args, settings))
    from app.cli.eval_run import run_suites

    if not args.model:  # a key or a pulled model that happens to be there must not decide what a check measures
        settings = settings.model_copy(update={"offline": True})
    return asyncio.run(run_suites(args, settings))
