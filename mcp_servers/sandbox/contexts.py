"""Sessions whose variables and files survive between runs: a worker each, looked after while nobody uses it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lyceum.errors import ModelRetry, nearest
from mcp_servers.sandbox.execution import ContextInfo
from mcp_servers.sandbox.pool import Pool
from mcp_servers.sandbox.worker import Worker

_LOOK = 0.25
_REMEMBERED = 20  # sessions that ended, so that their id gets an answer


@dataclass
class _Context:
    worker: Worker
    lock: threading.Lock = field(default_factory=threading.Lock)
    used: float = field(default_factory=time.monotonic)


class Contexts:
    """The open sessions of one sandbox; a thread of its own watches the idle ones and ends those that misbehave."""

    def __init__(self, pool: Pool, *, most: int, idle_seconds: float) -> None:
        self._pool = pool
        self._most = most
        self._idle_seconds = idle_seconds
        self._open: dict[str, _Context] = {}
        self._ended: dict[str, str] = {}
        self._lock = threading.Lock()
        self._keeper: threading.Thread | None = None
        self._stop = threading.Event()

    def create(self) -> ContextInfo:
        """Open a session; raises ModelRetry where there are too many."""
        self._refuse_too_many()
        context = _Context(self._pool.take())
        name = f"ctx-{uuid.uuid4().hex[:12]}"
        with self._lock:
            fits = len(self._open) < self._most
            if fits:
                self._open[name] = context
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, name="sandbox-keeper", daemon=True)
                self._keeper.start()
        if not fits:
            context.worker.close()
            self._refuse_too_many()
        return ContextInfo(id=name, tier=context.worker.tier)

    def _refuse_too_many(self) -> None:
        with self._lock:
            if len(self._open) >= self._most:
                raise ModelRetry(
                    f"{self._most} contexts are open already.",
                    next_step=f"Close one with sandbox_close_context: {', '.join(self._open)}.",
                )

    @contextmanager
    def use(self, name: str) -> Generator[Worker]:
        """Lend a session's worker for one request; raises ModelRetry for an unknown name or one that is busy."""
        with self._lock:
            context = self._open.get(name)
            if context is None:
                raise self._unknown(name)
        if not context.lock.acquire(timeout=1.0):  # the keeper holds it for a moment
            raise ModelRetry(f"Context {name} is running something.", next_step="Wait for its end, or use another.")
        alive = context.worker.alive
        try:
            if alive:
                yield context.worker
        finally:
            context.used = time.monotonic()
            context.lock.release()
            if not context.worker.alive:
                self._end(name, context.worker.ended or "its interpreter ended")
        if not alive:
            raise self._unknown(name)

    def list(self) -> list[ContextInfo]:
        now = time.monotonic()
        with self._lock:
            open_now = [
                ContextInfo(
                    id=name,
                    tier=context.worker.tier,
                    runs=context.worker.requests,
                    idle_seconds=0 if context.lock.locked() else round(now - context.used, 1),
                )
                for name, context in self._open.items()
            ]
            return open_now + [ContextInfo(id=name, tier="", ended=why) for name, why in self._ended.items()]

    def close_one(self, name: str) -> None:
        """End a session, also while it runs something."""
        with self._lock:
            if name not in self._open:
                raise self._unknown(name)
        self._end(name, "it was closed")

    def close(self) -> None:
        self._stop.set()
        for name in list(self._open):
            self._end(name, "the sandbox was closed")

    def _end(self, name: str, why: str) -> None:
        with self._lock:
            context = self._open.pop(name, None)
            self._ended[name] = why
            while len(self._ended) > _REMEMBERED:
                del self._ended[next(iter(self._ended))]
        if context is None:
            return
        context.worker.ended = context.worker.ended or why
        context.worker.stop()
        with context.lock:  # whoever waits for its answer has it now
            context.worker.close()

    def _unknown(self, name: str) -> ModelRetry:
        if name in self._ended:
            return ModelRetry(
                f"Context {name} has ended: {self._ended[name]}. Its variables and files are gone.",
                next_step="Make another with sandbox_create_context.",
            )
        known = nearest(name, self._open, what="contexts")
        return ModelRetry(f"There is no context {name!r}. {known}", next_step="sandbox_create_context makes one.")

    def _keep(self) -> None:
        while not self._stop.wait(_LOOK):
            with self._lock:
                idle = [(name, context) for name, context in self._open.items() if context.lock.acquire(blocking=False)]
            for name, context in idle:
                why = context.worker.busy_while_idle()
                if not why and time.monotonic() - context.used > self._idle_seconds:
                    why = f"nobody used it for {self._idle_seconds:g} s"
                context.lock.release()
                if why:
                    self._end(name, why)
            with self._lock:
                if not self._open:
                    self._keeper = None
                    return
