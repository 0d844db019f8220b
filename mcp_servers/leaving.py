"""A server ends with its client, whatever it was doing, and leaves no process behind.

A client that ends normally, crashes or is killed closes the pipe that the server reads; the system says so even while
a tool keeps a thread busy that could not be cancelled. Where nobody reads the answers either, the client is gone and so
is the server at once; where somebody may, what is still running a moment later is ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

GRACE = 0.3  # seconds in which the last answers may still be written, where somebody reads them


def leave(code: int = 0) -> NoReturn:
    """End this process now, and before it every process that it started.

    Threads that are busy are not waited for: runs and tasks are written so that any moment may be the last.
    """
    for process in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def leave_with_client() -> None:
    """From now on, end this process when nobody can write to its standard input any more."""
    import select

    if not hasattr(select, "poll"):  # Windows: the end of standard input is seen by reading alone
        return
    asked, answered = os.dup(0), os.dup(1)  # the transport takes the descriptors themselves away
    gone = select.POLLHUP | select.POLLERR

    def hung_up(descriptor: int, milliseconds: int | None) -> bool:
        poll = select.poll()
        poll.register(descriptor, 0)  # to be hung up is always told
        return any(event & gone for _, event in poll.poll(milliseconds))

    def watch() -> None:
        while not hung_up(asked, None):
            time.sleep(GRACE)
        hung_up(answered, round(1000 * GRACE))
        leave()

    threading.Thread(target=watch, name="client", daemon=True).start()


def leave_when_told() -> None:
    """From now on, end this process and all it started on SIGTERM and SIGINT."""
    for told in (signal.SIGTERM, signal.SIGINT):
        signal.signal(told, lambda number, _frame: leave(128 + number))


def descendants(process: int) -> list[int]:
    """Return the processes that this one started, and those that they started, the deepest first."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    left = [process]
    while left:
        born = children.get(left.pop(), [])
        found += born
        left += born
    return found[::-1]


def _parents() -> list[tuple[int, int]]:
    if not Path("/proc/self/stat").exists():
        try:
            listed = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=False)  # noqa: S607
        except OSError:  # Windows has none
            return []
        return [(int(pid), int(parent)) for pid, parent in (line.split() for line in listed.stdout.splitlines())]
    found: list[tuple[int, int]] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError, ValueError):  # it ended just now
            text = path.read_text(encoding="utf-8", errors="replace")
            found.append((int(path.parent.name), int(text.rpartition(")")[2].split()[1])))
    return found
