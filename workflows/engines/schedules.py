"""Runs that are repeated: every so often a finished run's work is done once more, by whichever worker is there.

Times are seconds of UTC on a fixed grid, so neither time zones nor summer time move them. Times that were missed while
no worker ran are made up for by one run, at once. A run that is still going when the next is due is not doubled: that
time is left out. A clock that was set back makes nobody wait longer than one interval, one that was set forward starts
one run.
"""

from __future__ import annotations

import math
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from lyceum.errors import UserError
from lyceum.run_store import open_database, transaction
from lyceum.runs import Run, RunStore
from workflows.engines.journal import JournalEngine
from workflows.engines.steps import child_id

SHORTEST = 60.0  # seconds between two runs, at least

_SCHEMA = """
CREATE TABLE IF NOT EXISTS schedules(
    run TEXT PRIMARY KEY, every REAL NOT NULL, anchor REAL NOT NULL, next REAL NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0, last TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
"""

# What a run that repeats another is given, or why there is nothing to repeat yet.
Repeat = Callable[[RunStore, Run], Awaitable["dict[str, Any] | str"]]


class Schedule(BaseModel):
    """`run` is the one whose work is repeated, and names the schedule; `every` is in seconds, `last` the last run."""

    run: str
    every: float
    next: datetime | None = None
    paused: bool = False
    last: str = ""


class Schedules(Protocol):
    """What every engine's schedules can do; a run that has none raises UserError."""

    async def add(self, run: str, every: float) -> Schedule:
        """Repeat a run's work; a second time for the same run it replaces the interval."""
        ...

    async def all(self) -> list[Schedule]: ...
    async def pause(self, run: str, *, paused: bool = True) -> None: ...
    async def remove(self, run: str) -> None: ...

    async def now(self, run: str) -> str:
        """Begin one at once, whatever the time; returns its id, or an empty string where a worker will begin it."""
        ...


class JournalSchedules:
    """The embedded engine's own, in `runs.db`: several workers may look after them, none begins a run twice."""

    def __init__(self, engine: JournalEngine, path: Path, repeat: Repeat) -> None:
        self._engine = engine
        self._repeat = repeat
        self._database = open_database(path)
        self._lock = threading.RLock()
        with self._lock:
            self._database.executescript(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> JournalSchedules:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def add(self, run: str, every: float) -> Schedule:
        check_interval(every)
        now = time.time()
        with transaction(self._database, self._lock) as database:
            database.execute(
                """INSERT INTO schedules(run, every, anchor, next) VALUES (?, ?, ?, ?) ON CONFLICT(run) DO UPDATE
                   SET every = excluded.every, anchor = excluded.anchor, next = excluded.next, paused = 0""",
                (run, every, now, now + every),
            )
        return self._schedule(self._row(run))

    async def all(self) -> list[Schedule]:
        with self._lock:
            rows = self._database.execute("SELECT * FROM schedules ORDER BY next").fetchall()
        return [self._schedule(row) for row in rows]

    async def pause(self, run: str, *, paused: bool = True) -> None:
        self._row(run)
        with transaction(self._database, self._lock) as database:
            database.execute("UPDATE schedules SET paused = ? WHERE run = ?", (paused, run))

    async def remove(self, run: str) -> None:
        self._row(run)
        with transaction(self._database, self._lock) as database:
            database.execute("DELETE FROM schedules WHERE run = ?", (run,))

    async def now(self, run: str) -> str:
        self._row(run)
        begun = await self._begin(run, time.time())
        if not begun.isalnum():
            raise UserError(f"Run {run} is not repeated now: {begun}.", next_step="See `lyceum runs schedule list`.")
        return begun

    async def start_due(self) -> list[tuple[str, str]]:
        """Begin what is due; returns each new run's id, or an empty string, and a line. Called again and again."""
        now = time.time()
        with self._lock:
            rows = self._database.execute("SELECT * FROM schedules WHERE paused = 0").fetchall()
        begun_now: list[tuple[str, str]] = []
        for row in rows:
            run, due = str(row["run"]), float(row["next"])
            if due > now + row["every"]:  # the clock was set back
                self._advance(run, due, now + row["every"], anchor=now)
                continue
            if due > now:
                continue
            # The moment is part of the new run's id: two workers that come here at once begin one run.
            begun = await self._begin(run, due)
            later = row["anchor"] + row["every"] * (math.floor((now - row["anchor"]) / row["every"]) + 1)
            if self._advance(run, due, later):
                new = begun if begun.isalnum() else ""
                line = f"run {run} is repeated as {new}" if new else f"run {run} is not repeated: {begun}"
                begun_now.append((new, line))
        return begun_now

    async def _begin(self, base: str, due: float) -> str:
        """Return the id of the run that was begun for this moment, or a sentence that says why there is none."""
        store = self._engine.runtime.store
        own = child_id(f"schedule/{base}", f"{due:.3f}")
        try:
            run = await store.run(base)
            given = await self._repeat(store, run)
            if isinstance(given, str):
                return given
            await self._engine.submit(run.flow, given, thread=run.thread, parent=base, run_id=own)
        except UserError as error:  # the run is gone, or this release has no such flow
            return error.message.rstrip(".")
        with transaction(self._database, self._lock) as database:
            database.execute("UPDATE schedules SET last = ? WHERE run = ?", (own, base))
        return own

    def _advance(self, run: str, due: float, later: float, anchor: float | None = None) -> bool:
        """Move a schedule on from a moment; False where another worker has done so."""
        with transaction(self._database, self._lock) as database:
            moved = database.execute(
                "UPDATE schedules SET next = ?, anchor = COALESCE(?, anchor) WHERE run = ? AND next = ?",
                (later, anchor, run, due),
            )
            return moved.rowcount == 1

    def _row(self, run: str) -> sqlite3.Row:
        with self._lock:
            row = self._database.execute("SELECT * FROM schedules WHERE run = ?", (run,)).fetchone()
        if row is None:
            raise no_schedule(run)
        return row

    def _schedule(self, row: sqlite3.Row) -> Schedule:
        then = datetime.fromtimestamp(row["next"], UTC)
        return Schedule(run=row["run"], every=row["every"], next=then, paused=bool(row["paused"]), last=row["last"])


def check_interval(every: float) -> None:
    """Raise UserError for an interval that is too short."""
    if every < SHORTEST:
        raise UserError(f"A run is repeated every {SHORTEST:g} s at most.", next_step="Write --every 1h, 1d or 1w.")


def no_schedule(run: str) -> UserError:
    return UserError(
        f"Run {run} is not repeated.", next_step=f"See `lyceum runs schedule list`, or add {run} --every 1d."
    )
