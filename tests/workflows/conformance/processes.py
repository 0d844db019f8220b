"""Real processes that drive runs, forked from one that has imported everything: a restart takes milliseconds."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from lyceum.artifacts import FolderArtifacts
from lyceum.errors import LyceumError
from lyceum.run_store import SqliteRunStore
from lyceum.settings import BudgetSettings, TemporalSettings
from tests.workflows.conformance.flows import FLOWS
from workflows.engines.journal import JournalEngine
from workflows.engines.journal_store import JournalStore
from workflows.runtime import Runtime

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.workflows.conformance.processes"])

DONE, REFUSED, NO_STORE = 0, 3, 4


def runtime(folder: Path) -> Runtime:
    unused: Any = None
    artifacts = FolderArtifacts(folder / "artifacts")
    store = SqliteRunStore(folder / "runs.db")
    return Runtime({}, unused, store, artifacts, unused, BudgetSettings(seconds=600))


def journal(folder: Path) -> JournalEngine:
    made = runtime(folder)
    return JournalEngine(made, JournalStore(folder / "runs.db", made.artifacts), FLOWS)


def drive(folder: str, run: str, prepare: Callable[[], None] | None = None) -> None:
    """Drive a run in this process; its exit code says how that ended."""
    os.environ["CONFORMANCE"] = folder
    if prepare is not None:
        prepare()
    try:
        asyncio.run(journal(Path(folder)).drive(run))
    except LyceumError as error:
        with (Path(folder) / "refusals").open("a") as refusals:
            refusals.write(f"{type(error).__name__}: {error.message}\n")
        os._exit(REFUSED)
    os._exit(DONE)


def work(folder: str, settings: dict[str, Any], prepare: Callable[[], None] | None = None) -> None:
    """Be a Temporal worker until killed."""
    os.environ["CONFORMANCE"] = folder
    if prepare is not None:
        prepare()

    async def serve() -> None:
        from workflows.engines.temporal.connection import connect
        from workflows.engines.temporal.worker import make_worker

        given, made = TemporalSettings(**settings), runtime(Path(folder))
        client = await connect(given, made)
        modules = ["tests.workflows.conformance.flows"]
        await (await make_worker(client, made, FLOWS, given, modules=modules)).run()

    asyncio.run(serve())


def spawn(target: Callable[..., None], *args: Any) -> BaseProcess:
    process = CONTEXT.Process(target=target, args=args, daemon=True)
    process.start()
    return process


class Workers:
    """A Temporal worker that is started again whenever it dies."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.settings = settings
        self.prepare: Callable[[], None] | None = None
        self.process = spawn(work, str(folder), settings)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.is_set():
            self.process.join(0.02)
            if self.process.exitcode is not None and not self._over.is_set():
                self.process = spawn(work, str(self.folder), self.settings, self.prepare)

    def restart(self) -> None:
        before = self.process
        kill(before)
        while self.process is before:
            time.sleep(0.01)

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        kill(self.process)


def kill(process: BaseProcess) -> None:
    if process.pid is not None and process.exitcode is None:
        os.kill(process.pid, signal.SIGKILL)
    process.join()
