"""Ctrl-C: a turn runs in a task of its own, so that stopping it breaks nothing that the rest still needs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


async def until_interrupted(work: Coroutine[Any, Any, T]) -> T | None:
    """Return what `work` returns, or None when SIGINT stopped it; a second SIGINT ends the process at once.

    Tool servers' sessions belong to the task that opened them; cancelling that task would tear them down.
    """
    task = asyncio.ensure_future(work)
    with _interrupt_calls(task.cancel):
        try:
            return await task
        except asyncio.CancelledError:
            abandon_threads()
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            return None


@contextmanager
def _interrupt_calls(stop: Any) -> Generator[None]:
    loop = asyncio.get_running_loop()

    def once() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        stop()

    before = signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGINT, once)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)


def abandon_threads() -> None:
    """Let nothing wait for work that a stopped turn left in a thread: threads cannot be stopped."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())


def leave(code: int) -> int:
    """Return the exit code, or end the process with it where an abandoned thread would keep it alive.

    So ends one with Temporal's SDK too: its own threads may still call into an interpreter that is being torn down,
    which aborts it.
    """
    import threading

    strays = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    if all(thread.daemon for thread in strays) and "temporalio.bridge" not in sys.modules:
        return code
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
