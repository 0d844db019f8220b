"""Workers that wait for work: a start costs tens of milliseconds, a worker that stands ready costs none of them."""

from __future__ import annotations

import threading
import time
from collections import deque

from lyceum.errors import OperatorError
from mcp_servers.sandbox.confined import Confined
from mcp_servers.sandbox.worker import Worker

_AFTER = 0.03  # seconds in which a short run, whose worker was taken, has the processors to itself


class Pool:
    """Hands out workers that no one has used; keeps up to `spare` of them ready from the first request on."""

    def __init__(self, tier: Confined, spare: int) -> None:
        self.tier = tier
        self._spare = spare
        self._ready: deque[Worker] = deque()
        self._lock = threading.Lock()
        self._filling = False
        self._closed = False

    def take(self) -> Worker:
        """Return a worker of one's own, to be closed after use; raises OperatorError where none can be started."""
        worker = self._waiting() or self.tier.start()
        self._fill()
        return worker

    def wait_until_full(self, timeout: float = 20.0) -> None:
        """Wait until the spare workers stand ready; for measuring."""
        filler = next((each for each in threading.enumerate() if each.name == f"sandbox-pool-{id(self)}"), None)
        if filler is not None:
            filler.join(timeout)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            workers = list(self._ready)
            self._ready.clear()
        for worker in workers:
            worker.close()

    def _waiting(self) -> Worker | None:
        while True:
            with self._lock:
                worker = self._ready.popleft() if self._ready else None
            if worker is None or worker.alive:
                return worker
            worker.close()

    def _fill(self) -> None:
        with self._lock:
            if self._filling or self._closed or len(self._ready) >= self._spare:
                return
            self._filling = True
        threading.Thread(target=self._refill, name=f"sandbox-pool-{id(self)}", daemon=True).start()

    def _refill(self) -> None:
        time.sleep(_AFTER)
        while True:
            try:
                worker = self.tier.start()
            except (OperatorError, OSError, RuntimeError):  # the next request meets the same and tells
                worker = None
            with self._lock:
                if worker is not None and not self._closed:
                    self._ready.append(worker)
                    worker = None
                if worker is not None or self._closed or len(self._ready) >= self._spare or not self._ready:
                    self._filling = False
                    break
        if worker is not None:
            worker.close()
