"""How long code takes in each tier of the sandbox, beside a plain `python -c`: `python -m benchmarks.sandbox`.

One run measures all in turn, so that other load on the machine falls on all of them alike.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from mcp_servers.sandbox.bubblewrap import Bubblewrap
from mcp_servers.sandbox.confined import Confined
from mcp_servers.sandbox.landlock import Landlock
from mcp_servers.sandbox.monty import Monty
from mcp_servers.sandbox.pool import Pool
from mcp_servers.sandbox.tiers import lacking

ROUNDS = 40
CODE = "1 + 1"
RESULT = Path(__file__).parent / "results" / "sandbox.json"


def from_pool(tier: Confined) -> Callable[[], float]:
    """Measure a run by a worker that stood ready, as a user waits for it; the next is made before the clock starts."""
    pool = Pool(tier, spare=1)
    pool.take().close()

    def once() -> float:
        pool.wait_until_full()
        start = time.perf_counter()
        worker = pool.take()
        done = worker.run(CODE, 10)
        took = time.perf_counter() - start
        worker.close()
        assert done.results[0].text == "2", done
        return took

    return once


def timed(work: Callable[[], object]) -> Callable[[], float]:
    def once() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return once


def in_context(tier: Confined) -> Callable[[], float]:
    worker = tier.start()
    return timed(lambda: worker.run(CODE, 10))


def main() -> None:
    python = [sys.executable, "-c", f"print({CODE})"]
    ways: dict[str, Callable[[], float]] = {
        "plain python -c, no isolation": timed(lambda: subprocess.run(python, capture_output=True, check=True)),
        "monty": timed(lambda: asyncio.run(Monty().execute(CODE, 10))),
    }
    for tier in (Bubblewrap(), Landlock()):
        if not lacking(tier.name):
            ways[f"{tier.name}, cold"] = timed(lambda tier=tier: tier.run(CODE, 10))
            ways[f"{tier.name}, from the warm pool"] = from_pool(tier)
            ways[f"{tier.name}, in a context"] = in_context(tier)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(ROUNDS + 2):
        for name, once in ways.items():
            took = once()
            if round_ >= 2:  # the first ones load what later ones find loaded
                seconds[name].append(took)
    measured = {
        name: {
            "p50_ms": round(statistics.median(each) * 1000, 2),
            "p95_ms": round(statistics.quantiles(each, n=20)[-1] * 1000, 2),
            "min_ms": round(min(each) * 1000, 2),
        }
        for name, each in seconds.items()
    }
    report = {
        "command": "python -m benchmarks.sandbox",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
        "nice": os.nice(0),
        "rounds": ROUNDS,
        "snippet": CODE,
        "milliseconds": measured,
    }
    RESULT.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
