"""Small repositories whose tests fail: how many a model makes pass, in how many rounds and seconds, and what it harms.

`python -m benchmarks.code_repair --model local:qwen2.5-coder-1.5b --json benchmarks/results/code_repair.json`

Cases that the file holds already are kept, so that a long run may be done in pieces (`--only`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from app.front_door import front_door
from evals.suite import CaseResult, run_suite
from evals.suites.code_repair.suite import suite
from lyceum.settings import load_settings


def row(result: CaseResult, split: str) -> dict[str, Any]:
    held = cast("dict[str, Any]", result.outcome.output or {})
    return {
        "case": result.case,
        "split": split,
        "verdict": result.verdict,
        "rounds": held.get("rounds"),
        "failing_before": held.get("before"),
        "failing_after": held.get("after"),
        "harmed": held.get("harmed"),
        "seconds": round(result.outcome.seconds, 1),
        "tokens": result.outcome.tokens,
        "diff": held.get("diff", ""),
        "error": result.outcome.error,
    }


async def run(model: str, only: list[str]) -> list[dict[str, Any]]:
    settings = load_settings(offline=True) if model == "offline" else load_settings(model=model)
    cases = tuple(case for case in suite().cases if not only or case.id in only)
    splits = {case.id: case.split for case in cases}
    rows: list[dict[str, Any]] = []

    def told(result: CaseResult) -> None:
        rows.append(row(result, splits[result.case]))
        print(json.dumps(rows[-1]), flush=True)

    async with front_door(settings) as door:
        await run_suite(replace(suite(), cases=cases), door, progress=told)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="local:qwen2.5-coder-1.5b")
    parser.add_argument("--only", nargs="*", default=[], help="the cases to run; all by default")
    parser.add_argument("--json", type=Path, help="write the report here")
    options = parser.parse_args()
    kept: dict[str, Any] = {}
    if options.json and options.json.exists():
        kept = json.loads(options.json.read_text(encoding="utf-8"))
    measured = asyncio.run(run(options.model, options.only))
    known = {each["case"]: each for each in kept.get(options.model, {}).get("cases", [])}
    cases = [*{**known, **{each["case"]: each for each in measured}}.values()]
    kept[options.model] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared with other work: seconds are an upper bound",
        "verdicts": dict(Counter(each["verdict"] for each in cases)),
        "harmed": sum(bool(each["harmed"]) for each in cases),
        "cases": cases,
    }
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
