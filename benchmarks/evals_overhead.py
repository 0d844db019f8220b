"""What evals cost beside the agent: matching, judging, keeping, comparing and reporting 10,000 samples.

The agent answers at once with a trajectory of six steps. Run: `python -m benchmarks.evals_overhead [--beside] --keep`;
`--beside` has DeepEval, pydantic-evals and inspect-ai do the like, each in an environment that uv makes for it (see
`benchmarks/evals_overhead_rivals.py`). Writes `benchmarks/results/evals_overhead.json` and the table in docs/evals.md.
On a machine that is shared, the times of the clock are upper bounds: the times of the processor say what the evals
themselves take.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.pages import in_place
from evals.baseline import Baseline
from evals.gate import judge
from evals.outcomes import SCORERS
from evals.reports.data import data
from evals.reports.junit import junit
from evals.reports.markdown import markdown
from evals.reports.page import page
from evals.reports.text import text
from evals.reports.told import Judged, Told
from evals.stored import Manifest, StoredRun
from evals.suite import Case, Outcome, Suite, run_suite
from evals.trajectory import Step, Trajectory

RESULT = Path(__file__).parent / "results" / "evals_overhead.json"
PAGE = Path(__file__).parents[1] / "docs" / "evals.md"
STEPS = [
    Step(kind="model", tool="m", input_tokens=900, output_tokens=40),
    Step(kind="tool", tool="search", server="web", group="1", arguments={"query": "late fees of the library"}),
    Step(kind="tool", tool="search", server="web", group="1", arguments={"query": "opening hours"}),
    Step(kind="model", tool="m", input_tokens=1900, output_tokens=60),
    Step(kind="tool", tool="read", server="web", group="2", arguments={"page": 3}),
    Step(kind="model", tool="m", input_tokens=2900, output_tokens=80),
]
EXPECTED: dict[str, Any] = {
    "trajectory": {
        "steps": [
            {
                "any_order": [
                    {"tool": "search", "arguments": {"query": {"$contains": "fees"}}},
                    {"tool": "search", "arguments": {"query": {"$regex": "hours$"}}},
                ]
            },
            {"tool": "read", "server": "web", "arguments": {"page": {"$near": 3}}},
        ],
        "extra": "forbid",
        "budget": {"calls": 3, "tokens": 10_000},
    },
    "answer": {"$contains": "20 cents"},
}


async def answer(_door: Any, case: Case) -> Outcome:
    return Outcome(answer="It is 20 cents a day.", trajectory=Trajectory(case=case.id, steps=STEPS))


async def measured(count: int) -> dict[str, float | int]:
    cases = tuple(Case(id=f"c{n}", input=f"question {n}", expected=EXPECTED) for n in range(count))
    suite = Suite("overhead", "", cases, answer, SCORERS)
    with tempfile.TemporaryDirectory() as folder:
        kept = StoredRun.create(Path(folder), Manifest(model="m"))
        busy, start = time.process_time(), time.perf_counter()
        plain = await run_suite(suite, None)  # pyright: ignore[reportArgumentType]
        asked, cpu = time.perf_counter() - start, time.process_time() - busy
        assert plain.counts["right"] == count
        busy, start = time.process_time(), time.perf_counter()
        report = await run_suite(suite, None, progress=lambda result: kept.keep("overhead", result))  # pyright: ignore[reportArgumentType]
        keeping = time.perf_counter() - start
        kept_cpu = time.process_time() - busy
        baseline = Baseline(Path(folder) / "baseline.json")
        baseline.update("m", suite, report)
        start = time.perf_counter()
        gate = judge(suite, report, baseline, "m", random=True)
        judging = time.perf_counter() - start
        start = time.perf_counter()
        told = Told("m", gate.decision, [Judged(report, gate, {case.id: case.input for case in cases})])
        pages = [render(told) for render in (text, junit, markdown, page, data)]
        telling = time.perf_counter() - start
        all_cpu = time.process_time() - busy
        start = time.perf_counter()
        again = StoredRun.open(Path(folder)).judged(suite)
        reading = time.perf_counter() - start
        assert again.counts == report.counts
    return {
        "samples": count,
        "ms_a_sample": round(asked / count * 1000, 3),
        "cpu_ms_a_sample": round(cpu / count * 1000, 3),
        "ms_a_sample_kept": round(keeping / count * 1000, 3),
        "cpu_ms_a_sample_kept": round(kept_cpu / count * 1000, 3),
        "seconds_to_compare": round(judging, 2),
        "seconds_for_five_reports": round(telling, 2),
        "seconds_to_judge_again": round(reading, 2),
        "seconds_in_all": round(keeping + judging + telling, 2),
        "cpu_seconds_in_all": round(all_cpu, 2),
        "megabytes_of_reports": round(sum(map(len, pages)) / 1e6, 1),
    }


def import_seconds() -> float:
    """Return how long importing what a suite needs takes in a new process, the best of three, less Python's start."""
    found: list[float] = []
    environment = {
        **os.environ,
        "PYDANTIC_DISABLE_PLUGINS": "1",
    }  # logfire, where installed, loads itself into pydantic
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    for code in ("pass", "import evals.suite, evals.outcomes, evals.gate, evals.stored"):
        times: list[float] = []
        for _ in range(3):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, env=environment)
            times.append(time.perf_counter() - start)
        found.append(min(times))
    return round(found[1] - found[0], 3)


RIVALS = {
    "pydantic-evals": "pydantic-evals==2.62.0",
    "inspect-ai": "inspect-ai==0.3.285",
    "deepeval": "deepeval==4.3.1",
}


def beside(samples: int) -> dict[str, dict[str, float]]:
    """Return what other tools take for their form of the same work, each in an environment of its own."""
    script = str(Path(__file__).with_name("evals_overhead_rivals.py"))
    uv = str(Path(sys.executable).with_name("uv"))
    found: dict[str, dict[str, float]] = {}
    for name, package in RIVALS.items():
        count = min(samples, 500) if name == "deepeval" else samples
        command = [uv, "run", "--isolated", "--no-project", "--quiet", "--with", package, "python", script]
        done = subprocess.run([*command, name, str(count)], check=True, capture_output=True, text=True)
        found[name] = json.loads(done.stdout.strip().splitlines()[-1])
        print(name, found[name], flush=True)
    return found


def written(page: str, result: dict[str, Any]) -> str:
    """Return the page with the table between its marks."""
    rows = [
        "| tool | samples | ms a sample | processor ms a sample | import, s |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    own = {
        "samples": result["samples"],
        "ms": result["ms_a_sample_kept"],
        "cpu_ms": result["cpu_ms_a_sample_kept"],
        "import_seconds": result["import_seconds"],
    }
    for name, one in {"Lyceum": own, **result.get("beside", {})}.items():
        times = f"{one['ms']:.2f} | {one['cpu_ms']:.2f} | {one['import_seconds']:.2f}"
        rows.append(f"| {name} | {one['samples']:,} | {times} |")
    return in_place(page, "overhead", "\n\n" + "\n".join(rows) + "\n\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--beside", action="store_true", help="other tools too")
    parser.add_argument("--keep", action="store_true", help="write the committed result")
    options = parser.parse_args()
    result: dict[str, Any] = {**asyncio.run(measured(options.samples)), "import_seconds": import_seconds()}
    if options.beside:
        result["beside"] = beside(min(options.samples, 2000))
    print(json.dumps(result, indent=1))
    if options.keep:
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), result), encoding="utf-8")


if __name__ == "__main__":
    main()
