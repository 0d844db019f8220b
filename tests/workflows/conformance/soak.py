"""Random kills by the thousand: `make soak` runs it and prints how far repeats went, and how far they could.

python -m tests.workflows.conformance.soak [--kills 1000] [--engine journal|temporal] [--seed N]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.workflows.conformance.harness import JournalRuns, Runs, TemporalRuns, server_cache

BRANCHES = ["p", "q", "r"]
STEPS = [f"{name}{number}" for name in BRANCHES for number in (1, 2)] + ["after"]


async def killed_at_random(runs: Runs, chance: random.Random) -> int:
    """Drive one run of three branches, killing its process after random times until it ends; return the kills."""
    run = await runs.submit("fan", names=BRANCHES, seconds=0.06, seed=chance.randrange(9))
    settled = asyncio.ensure_future(runs.settle(run))  # type: ignore[attr-defined]
    kills, on_record = 0, dict[str, int]()
    while kills < 4:
        await asyncio.wait([settled], timeout=chance.uniform(0.02, 0.25 if runs.name == "journal" else 3.0))
        if settled.done():
            break
        _kill(runs)
        kills += 1
        keys = [key for _, key in runs.effects()]
        on_record |= {key: keys.count(key) for key in await runs.finished(run) if key in keys}  # type: ignore[attr-defined]
    done = await settled
    assert done.status == "done", f"{done.status} {done.error} {runs.refusals()}"
    keys = [key for _, key in runs.effects()]
    assert {key: keys.count(key) for key in on_record} == on_record, "a call on record as finished was made again"
    expected = [[f"{name.upper()}1", f"{name.upper()}2"] for name in BRANCHES]
    assert done.result == {"said": expected, "after": "AFTER"}, done.result
    return kills


def _kill(runs: Runs) -> None:
    process = runs.driver()  # type: ignore[attr-defined]
    if process is not None and process.pid is not None and process.exitcode is None:
        os.kill(process.pid, 9)


async def soak(name: str, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    folder = Path(tempfile.mkdtemp())
    server = None
    if name == "temporal":
        from app.services import temporal
        from app.services.server import free_port

        server = temporal.server_of(folder)
        address = f"127.0.0.1:{temporal.up(folder, port=free_port(), cache=server_cache()).port}"
    done, runs_made, repeats, begin = 0, 0, 0, time.monotonic()
    most = 0
    try:
        while done < kills:
            own = folder / f"run{runs_made}"
            os.environ["CONFORMANCE"] = str(own)
            runs: Runs = JournalRuns(own) if name == "journal" else TemporalRuns(own, address)
            try:
                here = await killed_at_random(runs, chance)
            finally:
                runs.close()  # type: ignore[attr-defined]
            counted = runs.counted()
            assert set(counted) == set(STEPS)
            again = sum(counted.values()) - len(STEPS)
            assert again <= here * len(BRANCHES), f"{again} repeats after {here} kills"
            runs.check_keys()
            done, runs_made, repeats, most = done + here, runs_made + 1, repeats + again, max(most, again)
            shutil.rmtree(own)
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(  # noqa: T201 - what this is run for
        f"{name}: {done} kills in {runs_made} runs, seed {seed}, {time.monotonic() - begin:.0f} s: each run ended with "
        f"its own results; {repeats} calls were in flight and made again (at most {most} in a run; the bound is "
        f"{len(BRANCHES)} a kill), each under the same key; no finished call was repeated"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--engine", choices=["journal", "temporal"], default="journal")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    args = parser.parse_args()
    asyncio.run(soak(args.engine, args.kills, args.seed))


if __name__ == "__main__":
    sys.exit(main())
