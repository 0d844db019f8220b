"""What happens to a run, tried on every engine alike: deaths in steps, large values, errors, timers, locks, answers.

What an engine has no verb for is None, and "not offered" in the table.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lyceum.errors import UserError
from lyceum.runs import Decision

STEPS = ["a", "b", "c", "d"]
INSIDE = "killed inside each of 4 steps: calls made again"
LARGE = "a result of 1 MiB survives a kill"
LARGE_AGAIN = "the call that gave it, made again when killed at the next one"
FAILED = "a call that failed is made again on a resume"
TIMER = "a timer of 6 s ends in its time across a restart"
LOCKED = "a file that another process locks for a second is waited for"
TWICE = "a second answer to the same question is refused"
CANCELLED = "a run cancelled in a step ends, and makes no further call"

TRIED = (INSIDE, LARGE, LARGE_AGAIN, FAILED, TIMER, LOCKED, TWICE, CANCELLED)
NAP = 6.0


def locked(database: Path, seconds: float) -> None:
    """Hold a SQLite file for some time, as a backup does."""
    other = sqlite3.connect(database, isolation_level=None, timeout=10)
    other.execute("BEGIN IMMEDIATE")
    time.sleep(seconds)
    other.execute("ROLLBACK")
    other.close()


def try_rival(make: Callable[[Path], Any], *, timer: bool, cancel: bool) -> dict[str, Any]:
    """Try one of the other engines; `make` gives it a folder, `timer` and `cancel` say whether it has the verb."""
    found: dict[str, Any] = {}

    def fresh(folder: str, order: list[str]) -> Any:
        made = make(Path(folder))
        (made.folder / "order").write_text(json.dumps(order))
        return made

    with tempfile.TemporaryDirectory() as folder:
        made = fresh(folder, STEPS)
        for step in STEPS:
            (made.folder / "kill" / f"inside.{step}").touch()
        made.until_done("line")
        found[INSIDE] = sum(made.counted().values()) - len(STEPS)
    with tempfile.TemporaryDirectory() as folder:
        made = fresh(folder, [])
        (made.folder / "kill" / "enter.after").touch()
        result = made.until_done("large")
        found[LARGE] = result == [1 << 20]
        found[LARGE_AGAIN] = made.counted()["weigh"] - 1
    with tempfile.TemporaryDirectory() as folder:
        made = fresh(folder, [])
        (made.folder / "kill" / "enter.after").touch()
        made.until_done("fails")
        found[FAILED] = made.counted()["fails"] > 1
    with tempfile.TemporaryDirectory() as folder:
        made = fresh(folder, ["a", "b"])
        (made.folder / "hold" / "a").touch()
        running = made.start("line")
        made.reach("a")
        (file,) = [each for each in made.folder.iterdir() if each.suffix == ".db"]
        (made.folder / "hold" / "a").unlink()
        locked(file, 1.0)
        said, _ = running.communicate(timeout=120)
        found[LOCKED] = running.returncode == 0 and json.loads(said.splitlines()[-1])["result"] == ["A", "B"]
    with tempfile.TemporaryDirectory() as folder:
        made = fresh(folder, [])
        made.run("ask")
        made.run("yes")
        code, _ = made.run("no")
        found[TWICE] = code != 0
    found[TIMER] = _rival_timer(fresh) if timer else None
    found[CANCELLED] = _rival_cancel(fresh) if cancel else None
    return found


def _rival_timer(fresh: Callable[[str, list[str]], Any]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        made = fresh(folder, [])
        running = made.start("nap")
        made.reach("before")
        time.sleep(1)
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        time.sleep(NAP)
        code, said = made.run("nap")
        return code == 0 and said["seconds"] < NAP / 2 and made.counted() == {"before": 1, "after": 1}


def _rival_cancel(fresh: Callable[[str, list[str]], Any]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        made = fresh(folder, STEPS)
        (made.folder / "hold" / "b").touch()
        running = made.start("line")
        made.reach("b")
        code, _ = made.run("cancel")
        (made.folder / "hold" / "b").unlink()
        running.communicate(timeout=120)
        return code == 0 and made.counted()["c"] == 0


async def try_ours(made: Callable[[], Any]) -> dict[str, Any]:
    """Try an engine of ours; `made` opens runs on it, in a folder of their own."""
    found: dict[str, Any] = {}
    with made() as runs:
        runs.plan("kill", *[f"inside.{step}" for step in STEPS])
        await runs.settle(await runs.submit("line", names=STEPS))
        found[INSIDE] = sum(runs.counted().values()) - len(STEPS)
    with made() as runs:
        runs.plan("kill", "enter.after")
        done = await runs.settle(await runs.submit("heavy", size=1 << 19))
        found[LARGE] = done.result["size"] == 1 << 20
        found[LARGE_AGAIN] = runs.counted()["weigh"] - 1
    with made() as runs:
        runs.plan("kill", "enter.after")
        await runs.settle(await runs.submit("breaks", names=["UserError"]))
        found[FAILED] = runs.counted()["break.UserError"] > 1
    with made() as runs:
        run = await runs.submit("rests", seconds=NAP)
        runs.begin(run)
        await runs.reach("before")
        await asyncio.sleep(1)
        runs.crash()
        if runs.name == "journal":
            runs.process = None
        await asyncio.sleep(NAP)
        begin = time.monotonic()
        await runs.settle(run)
        found[TIMER] = time.monotonic() - begin < NAP / 2 and runs.counted() == {"before": 1, "after": 1}
    with made() as runs:
        runs.plan("hold", "a")
        run = await runs.submit("line", names=["a", "b"])
        runs.begin(run)
        await runs.reach("a")
        runs.release("a")
        await asyncio.to_thread(locked, runs.folder / "runs.db", 1.0)
        found[LOCKED] = (await runs.settle(run)).result == {"said": ["A", "B"]}
    with made() as runs:
        run = await runs.submit("asks")
        await runs.settle(run)
        [question] = await runs.engine.runtime.store.approvals(run=run)
        await runs.engine.decide(run, question.id, Decision(approved=True))
        try:
            await runs.engine.decide(run, question.id, Decision(approved=False))
            found[TWICE] = False
        except UserError:
            found[TWICE] = True
    with made() as runs:
        runs.plan("hold", "b")
        run = await runs.submit("line", names=STEPS)
        runs.begin(run)
        await runs.reach("b")
        await runs.engine.cancel(run)
        ended = await _ended(runs, run)
        found[CANCELLED] = ended.status == "cancelled" and runs.counted()["c"] == 0
    return found


async def _ended(runs: Any, run: str) -> Any:
    found = await runs.run(run)
    for _ in range(6000):
        found = await runs.run(run)
        if found.status in ("cancelled", "done", "failed"):
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    return found
