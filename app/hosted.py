"""Runs that are started and driven inside a process that serves tools, on a thread of their own.

The thread is a daemon with its own event loop: when the client goes away the process ends at once, and a run that was
being driven is left as it is, to be taken up by whoever drives it next. (Cancelling its task would end the run.)
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from lyceum.events import Event
from lyceum.runs import ENDED, Decision
from lyceum.settings import Settings

if TYPE_CHECKING:
    from app.wiring import App

T = TypeVar("T")

OPENING = 3600.0  # seconds that a run may take at least: it reads its sources first, and waits for people


class HostedJobs:
    """A `Jobs` that wires the product on first use; listing tools costs nothing."""

    def __init__(self, settings: Settings) -> None:
        seconds = max(settings.budget.seconds, OPENING)
        self._settings = settings.model_copy(update={"budget": settings.budget.model_copy(update={"seconds": seconds})})
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._app: App | None = None
        self._failed: BaseException | None = None
        self._ready = threading.Event()
        self._driving: dict[str, asyncio.Task[None]] = {}
        self._resuming: set[asyncio.Future[None]] = set()

    async def submit(self, flow: str, input: Any, *, thread: str | None = None) -> str:  # noqa: A002
        async def there(app: App) -> str:
            run = await app.engine.submit(flow, input, thread=thread)
            await self._care(app, run)
            return run

        return await self._there(there)

    async def watch(self, run: str, *, after: int = 0) -> AsyncIterator[Event]:
        while True:
            seen = after

            async def look(app: App, seen: int = seen) -> tuple[str, list[Event]]:
                return (await app.store.run(run)).status, await app.store.events(run, after=seen)

            status, events = await self._there(look)
            for event in events:
                after = event.seq
                yield event
            if status in ENDED or status == "waiting":
                return
            await asyncio.sleep(0.2)

    async def decide(self, run: str, approval: str, decision: Decision) -> None:
        async def there(app: App) -> None:
            await app.engine_of(await app.store.run(run)).decide(run, approval, decision)
            await self._care(app, run)

        await self._there(there)

    async def send(self, run: str, channel: str, text: str) -> None:
        async def there(app: App) -> None:
            await app.engine_of(await app.store.run(run)).send(run, channel, text)

        await self._there(there)

    async def cancel(self, run: str) -> None:
        async def there(app: App) -> None:
            await app.engine_of(await app.store.run(run)).cancel(run)

        await self._there(there)

    def resume(self, run: str) -> None:
        """Take up a run that nobody drives; returns at once."""

        async def there(app: App) -> None:
            await self._care(app, run)

        task = asyncio.ensure_future(self._there(there))
        self._resuming.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Future[None]) -> None:
        self._resuming.discard(task)
        if not task.cancelled():
            task.exception()

    async def _care(self, app: App, run: str) -> None:
        """Drive a run of the embedded engine here, unless it ended, waits for a person, or is driven elsewhere."""
        found = await app.store.run(run)
        if found.status in ENDED or found.engine != app.journal.name or run in self._driving:
            return
        if found.status == "waiting" and await app.store.approvals(run=run):
            return
        if await app.store.holder(run) is None:
            self._driving[run] = asyncio.create_task(self._drive(app, run))

    async def _drive(self, app: App, run: str) -> None:
        try:
            await app.journal.try_drive(run)
        finally:
            self._driving.pop(run, None)

    async def _there(self, work: Callable[[App], Awaitable[T]]) -> T:
        """Do some work on the thread of the runs, and wait for it here."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._host, name="runs", daemon=True)
            self._thread.start()
        if not self._ready.is_set():
            await asyncio.to_thread(self._ready.wait)
        if self._failed is not None:
            raise self._failed
        assert self._loop is not None
        assert self._app is not None

        async def run(app: App) -> T:
            return await work(app)

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(self._app), self._loop))

    def _host(self) -> None:
        async def stay() -> None:
            from app.wiring import wire

            self._loop = asyncio.get_running_loop()
            async with wire(self._settings) as self._app:
                self._ready.set()
                await asyncio.Event().wait()

        try:
            asyncio.run(stay())
        except BaseException as error:  # noqa: BLE001 - told to whoever asks for a run
            self._failed = error
            self._ready.set()
