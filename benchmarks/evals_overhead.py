"""What evals cost beside the agent: matching, judging, keeping, comparing and reporting 10,000 samples.

The agent answers at once with a trajectory of six steps. Run: `python -m benchmarks.evals_overhead`; writes
`benchmarks/results/evals_overhead.json`. On a machine that is shared, the times of the clock are upper bounds: the
times of the processor say what the evals themselves take.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

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
    for code in ("pass", "import evals.suite, evals.outcomes, evals.gate, evals.stored"):
        times: list[float] = []
        for _ in range(3):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - start)
        found.append(min(times))
    return round(found[1] - found[0], 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--keep", action="store_true", help="write the committed result")
    options = parser.parse_args()
    result = {**asyncio.run(measured(options.samples)), "import_seconds": import_seconds()}
    print(json.dumps(result, indent=1))
    if options.keep:
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
