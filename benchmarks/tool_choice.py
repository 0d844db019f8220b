"""The suite `tool_choice` with one model, kept so that it goes on where it stopped: 100 requests before all tools.

    .venv/bin/python -m benchmarks.tool_choice --model local:qwen2.5-coder-1.5b --keep

`--keep` writes the committed result and the table in docs/third-party.md. Numbers are of this suite's own requests,
which were written beside the tools' descriptions: they compare models and versions, they promise nothing of others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from app.front_door import front_door
from benchmarks.pages import in_place, keep
from evals import catalogue
from evals.intervals import wilson
from evals.stored import Manifest, StoredRun, fingerprint
from evals.suite import CaseResult, run_suite
from lyceum.settings import load_settings

SUITE = "tool_choice"
RESULT = Path(__file__).parent / "results" / "tool_choice.json"
PAGE = Path(__file__).parents[1] / "docs" / "third-party.md"
MARK = "tool choice"


async def measured(model: str, limit: int | None, folder: Path) -> dict[str, Any]:
    """Ask what was not asked yet, and count."""
    settings = load_settings(offline=True) if model == "offline" else load_settings(model=model)
    suite = catalogue.load(SUITE)
    async with front_door(settings) as door:
        prints = {SUITE: {case.id: fingerprint(case) for case in suite.cases}}
        wanted = Manifest(model=door.model, limit=limit, suites=prints)
        kept = StoredRun.open(folder) if (folder / "run.json").exists() else None
        if kept is None or kept.manifest != wanted:
            kept = StoredRun.create(folder, wanted)

        def keep(result: CaseResult) -> None:
            kept.keep(SUITE, result)
            print(f"{result.case}: {result.verdict}, {result.outcome.seconds:.1f} s", file=sys.stderr)

        report = await run_suite(suite, door, limit=limit, progress=keep, timeout=300, done=kept.done(suite))
    return {"model": door.model, **told(report.results)}


def told(results: list[CaseResult]) -> dict[str, Any]:
    """Count right tools and right calls (tool and arguments), with 95 % intervals."""
    of = len(results)
    tools = sum(any(each.scorer == "tool" and each.verdict == "right" for each in one.scores) for one in results)
    calls = sum(one.verdict == "right" for one in results)
    return {
        "cases": of,
        "right_tool": tools,
        "right_tool_interval": wilson(tools, of),
        "right_call": calls,
        "right_call_interval": wilson(calls, of),
        "declined": sum(one.verdict == "declined" for one in results),
        "median_seconds": round(median(one.outcome.seconds for one in results), 3),
        "wrong": sorted(one.case for one in results if one.verdict != "right"),
        "machine": f"{platform.system()} {platform.machine()}",
        "at": datetime.now(UTC).date().isoformat(),
    }


def written(page: str, held: dict[str, Any]) -> str:
    """Return the page with the table between its marks."""
    rows = ["| who chooses | right tool | right tool and arguments |", "| --- | --- | --- |"]
    for model, one in held.items():
        cells: list[str] = []
        for what in ("right_tool", "right_call"):
            low, high = one[f"{what}_interval"]
            cells.append(f"{one[what]} of {one['cases']} [{low:.0%} to {high:.0%}]")
        rows.append(f"| {model} | {' | '.join(cells)} |")
    return in_place(page, MARK, "\n" + "\n".join(rows) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="offline")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--folder", type=Path, help="where outcomes are kept; by default beside the home's others")
    parser.add_argument("--keep", action="store_true", help="write the committed result and the table")
    options = parser.parse_args()
    folder = options.folder or load_settings().home / "evals" / f"tool_choice-{options.model.replace(':', '-')}"
    result = asyncio.run(measured(options.model, options.limit, folder))
    print(json.dumps(result, indent=1))
    if options.keep:
        keep(result, options.model, RESULT, PAGE, written)


if __name__ == "__main__":
    main()
