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
from collections import Counter
from pathlib import Path
from typing import Any

from tests.workflows.conformance.harness import JournalRuns, TemporalRuns, server_cache
from tests.workflows.conformance.processes import CONTEXT, Workers

BRANCHES = ["p", "q", "r"]
STEPS = [f"{name}{number}" for name in BRANCHES for number in (1, 2)] + ["after"]
EXPECTED = {"said": [[f"{name.upper()}1", f"{name.upper()}2"] for name in BRANCHES], "after": "AFTER"}
POOL = 20  # runs at a time on Temporal
WORKERS = 2


async def killed_at_random(runs: JournalRuns, chance: random.Random) -> int:
    """Drive one run of three branches, killing its process after random times until it ends; return the kills."""
    run = await runs.submit("fan", names=BRANCHES, seconds=0.06, seed=chance.randrange(9))
    settled = asyncio.ensure_future(runs.settle(run))
    kills, on_record = 0, dict[str, int]()
    while kills < 4:
        await asyncio.wait([settled], timeout=chance.uniform(0.02, 0.25))
        if settled.done():
            break
        _kill(runs)
        kills += 1
        keys = [key for _, key in runs.effects()]
        on_record |= {key: keys.count(key) for key in await runs.finished(run) if key in keys}
    done = await settled
    assert done.status == "done", f"{done.status} {done.error} {runs.refusals()}"
    keys = [key for _, key in runs.effects()]
    assert {key: keys.count(key) for key in on_record} == on_record, "a call on record as finished was made again"
    assert done.result == EXPECTED, done.result
    return kills


def _kill(runs: JournalRuns) -> None:
    process = runs.driver()
    if process is not None and process.pid is not None and process.exitcode is None:
        os.kill(process.pid, 9)


class Effects:
    """How often each effect has happened, by its idempotency key; the file is read on from where it was read to."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "effects"
        self._read = 0
        self._times = Counter[str]()

    def times(self) -> Counter[str]:
        with self._file.open("rb") as file:
            file.seek(self._read)
            whole, _, _ = file.read().rpartition(b"\n")
            self._read += len(whole) + 1 if whole else 0
        self._times.update(line.split(" ")[1] for line in whole.decode().splitlines())
        return self._times

    def of(self, run: str) -> Counter[str]:
        return Counter({key: count for key, count in self.times().items() if key.startswith(f"{run}/")})


class Pool:
    """Many runs on Temporal at a time, whose workers are killed at random; where one ends, another begins."""

    def __init__(self, runs: Any, chance: random.Random) -> None:
        self.runs = runs
        self.chance = chance
        self.effects = Effects(runs.folder)
        self.open: dict[str, tuple[asyncio.Task[Any], int]] = {}
        self.on_record: dict[str, dict[str, int]] = {}
        self.kills, self.ended, self.repeats, self.most = 0, 0, 0, 0

    async def fill(self, size: int) -> None:
        while len(self.open) < size:
            run = await self.runs.submit("fan", names=BRANCHES, seconds=0.06, seed=self.chance.randrange(9))
            self.open[run] = asyncio.create_task(self.runs.engine.drive(run)), self.kills

    async def look(self) -> None:
        """Note what is on record as finished, for some of the runs, and check those that have ended."""
        for run in self.chance.sample(sorted(self.open), min(3, len(self.open))):
            times, finished = self.effects.of(run), await self.runs.finished(run)
            self.on_record.setdefault(run, {}).update({key: times[key] for key in finished if key in times})
        for run, (task, since) in list(self.open.items()):
            if task.done():
                del self.open[run]
                self._check(run, task.result(), self.kills - since)

    def _check(self, run: str, done: Any, kills: int) -> None:
        assert done.status == "done", f"{done.status} {done.error}"
        assert done.result == EXPECTED, done.result
        times = self.effects.of(run)
        assert len(times) == len(STEPS), "a call was lost, or made again under another key"
        before = self.on_record.pop(run, {})
        assert {key: times[key] for key in before} == before, "a call on record as finished was made again"
        again = sum(times.values()) - len(STEPS)
        assert again <= kills * len(BRANCHES), f"{again} repeats after {kills} kills"
        self.ended, self.repeats, self.most = self.ended + 1, self.repeats + again, max(self.most, again)


async def soak_temporal(kills: int, seed: int) -> tuple[str, int, int]:
    """Kill one of two workers about every second, with a pool of runs in front of them."""
    from app.services import temporal
    from app.services.server import free_port

    folder, chance = Path(tempfile.mkdtemp()), random.Random(seed)
    server = temporal.server_of(folder)
    address = f"127.0.0.1:{temporal.up(folder, port=free_port(), cache=server_cache()).port}"
    os.environ["CONFORMANCE"] = str(folder / "runs")
    runs = TemporalRuns(folder / "runs", address)
    workers = [Workers(runs.folder, runs.settings) for _ in range(WORKERS)]
    pool = Pool(runs, chance)
    try:
        while pool.kills < kills:
            await pool.fill(POOL)
            await asyncio.sleep(chance.uniform(0.2, 1.8) / WORKERS)
            process = chance.choice(workers).process
            if process.pid is not None and process.exitcode is None:
                os.kill(process.pid, 9)
                pool.kills += 1
            await pool.look()
        for task, _ in list(pool.open.values()):
            await asyncio.wait_for(task, 300)
        await pool.look()
    finally:
        for each in workers:
            each.stop()
        runs.close()
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return f"{pool.kills} kills in {pool.ended} runs, {POOL} at a time", pool.repeats, pool.most


async def soak_journal(kills: int, seed: int) -> tuple[str, int, int]:
    """Kill the process of one run after the other."""
    folder, chance = Path(tempfile.mkdtemp()), random.Random(seed)
    done, made, repeats, most = 0, 0, 0, 0
    try:
        while done < kills:
            own = folder / f"run{made}"
            os.environ["CONFORMANCE"] = str(own)
            runs = JournalRuns(own)
            try:
                here = await killed_at_random(runs, chance)
            finally:
                runs.close()
            counted = runs.counted()
            assert set(counted) == set(STEPS)
            again = sum(counted.values()) - len(STEPS)
            assert again <= here * len(BRANCHES), f"{again} repeats after {here} kills"
            runs.check_keys()
            done, made, repeats, most = done + here, made + 1, repeats + again, max(most, again)
            shutil.rmtree(own)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return f"{done} kills in {made} runs", repeats, most


async def soak(name: str, kills: int, seed: int) -> None:
    begin = time.monotonic()
    work = soak_journal if name == "journal" else soak_temporal
    what, repeats, most = await work(kills, seed)
    print(  # noqa: T201 - what this is run for
        f"{name}: {what}, seed {seed}, {time.monotonic() - begin:.0f} s: each run ended with its own results; "
        f"{repeats} calls were in flight and made again (at most {most} in a run; the bound is {len(BRANCHES)} a "
        f"kill), each under the same key; no finished call was repeated"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--engine", choices=["journal", "temporal"], default="journal")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    args = parser.parse_args()
    if args.engine == "temporal":  # a worker that is forked has it imported already
        CONTEXT.set_forkserver_preload(["tests.workflows.conformance.processes", "workflows.engines.temporal.worker"])
    asyncio.run(soak(args.engine, args.kills, args.seed))


if __name__ == "__main__":
    sys.exit(main())
