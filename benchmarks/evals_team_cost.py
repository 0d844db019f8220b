"""Does the team earn its cost? One agent with all tools against the planned team, and what the chat takes by itself.

The same model, tools, questions and limits for all; each side is asked each question once, in a conversation of its
own. Run: `python -m benchmarks.evals_team_cost [--model M] [--keep]`; every answer is kept as it comes in `--folder`,
so that a run which was stopped goes on. `--keep` writes `benchmarks/results/evals_team_cost.json`, one entry a model,
and the table in `docs/evals-suites.md`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

from app.front_door import front_door
from benchmarks.pages import in_place, keep
from evals.intervals import wilson
from evals.statistics import compare
from evals.suites.team_cost.suite import SIDES, ask, suite, told_of
from lyceum.settings import load_settings

RESULT = Path(__file__).parent / "results" / "evals_team_cost.json"
PAGE = Path(__file__).parents[1] / "docs" / "evals-suites.md"
MEASURES = ("calls", "model_calls", "tokens", "seconds")


async def measured(model: str, limit: int | None, folder: Path) -> dict[str, Any]:
    """Ask what was not asked yet, and sum up."""
    settings = load_settings()
    offline = model == "offline"
    own = settings.model_copy(update={"offline": offline, "model": None if offline else model})
    folder.mkdir(parents=True, exist_ok=True)
    kept_at = folder / f"{model}.jsonl"
    lines = kept_at.read_text(encoding="utf-8").splitlines() if kept_at.exists() else []
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for line in lines:
        one = json.loads(line)
        kept[one["case"], one["side"]] = one
    cases = suite().cases[:limit]
    async with front_door(own, suite().roles) as door:
        for case in cases:
            for side in SIDES:
                if (case.id, side) in kept:
                    continue
                start = time.perf_counter()
                told = told_of(case, await ask(door, case, side))
                seconds = round(time.perf_counter() - start, 2)
                one = {"case": case.id, "side": side, **told, "seconds": seconds}
                kept[case.id, side] = one
                with kept_at.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(one, ensure_ascii=False) + "\n")
                print(case.id, side, "right" if not told["missing"] else "wrong", f"{seconds} s", flush=True)
    return summed({key: one for key, one in kept.items() if key[0] in {case.id for case in cases}})


def summed(kept: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    """Return each side's rate and means, and the team's difference from the single agent, case by case."""
    cases = sorted({case for case, _ in kept})
    passes = {side: {case: [float(not kept[case, side]["missing"])] for case in cases} for side in SIDES}
    sides: dict[str, Any] = {}
    for side in SIDES:
        right = int(sum(each[0] for each in passes[side].values()))
        means = {name: round(sum(kept[case, side][name] for case in cases) / len(cases), 2) for name in MEASURES}
        sides[side] = {"right": right, "of": len(cases), "interval": wilson(right, len(cases)), **means}
    found = compare(passes["single"], passes["team"])
    paired = {"difference": found.difference, "low": found.low, "high": found.high, "p_worse": found.p_worse}
    return {"cases": len(cases), "sides": sides, "team_less_single": paired}


def written(page: str, held: dict[str, Any]) -> str:
    """Return the page with the table between its marks."""
    rows = ["| model | side | right | tool calls | model calls | tokens | seconds |", "| --- " * 7 + "|"]
    for model, one in held.items():
        for side, told in one["sides"].items():
            low, high = told["interval"]
            share = f"{told['right']} of {told['of']} [{low:.0%} to {high:.0%}]"
            rows.append(
                f"| {model} | {side} | {share} | {told['calls']:.1f} | {told['model_calls']:.1f} "
                f"| {told['tokens']:,.0f} | {told['seconds']:.1f} |"
            )
    return in_place(page, "team cost", "\n" + "\n".join(rows) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="offline")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/lyceum-team-cost"))
    parser.add_argument("--keep", action="store_true", help="write the committed result and the table")
    options = parser.parse_args()
    result = asyncio.run(measured(options.model, options.limit, options.folder))
    print(json.dumps(result, indent=1))
    if options.keep:
        keep(result, options.model, RESULT, PAGE, written)


if __name__ == "__main__":
    main()
