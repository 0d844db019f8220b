"""How large a confined process has become: memory, tasks, files and time, read from /proc and never from itself."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from mcp_servers.sandbox.execution import MEMORY_BYTES, CodeError

TASKS = 128  # processes and threads together
DESCRIPTORS = 1024  # of all processes: what sockets and pipes hold is in no process's size
FOLDER_BYTES = 64 * 1024 * 1024
FILES = 10_000
IDLE_CPU_SECONDS = 2.0
_LONGEST_PATH = 2048  # below it more could hide, which no walk by path finds
_FEW = 4  # processes, of which none may open more than 256
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Watch:
    """Looks at one process and all below it; made before it has run anything that it was sent.

    `folder` is its writable place on a disk of the host; without one its file systems are looked at through it.
    """

    def __init__(self, pid: int, folder: Path | None) -> None:
        self._pid = pid
        self._folder = folder
        self._disks: list[int] = []
        if folder is None:
            inner = _tree(pid)[-1]
            for place in ("tmp", "dev/shm"):
                with contextlib.suppress(OSError):
                    self._disks.append(os.open(f"/proc/{inner}/root/{place}", os.O_PATH | os.O_CLOEXEC))

    def excess(self) -> CodeError | None:
        """Return what became too much, or None."""
        processes = _tree(self._pid)
        tasks = memory = 0
        for pid in processes:
            one, many = _size(pid)
            memory += one
            tasks += many
        if memory > MEMORY_BYTES:
            return CodeError(name="MemoryError", value=f"it took more than {MEMORY_BYTES >> 20} MiB")
        if tasks > TASKS:
            return CodeError(name="ProcessLimitExceeded", value=f"it started more than {TASKS} processes and threads")
        if len(processes) > _FEW and sum(map(_descriptors, processes)) > DESCRIPTORS:
            return CodeError(name="DescriptorLimitExceeded", value=f"it opened more than {DESCRIPTORS} descriptors")
        for disk in self._disks:
            found = os.fstatvfs(disk)
            if found.f_files - found.f_ffree > FILES:
                return CodeError(name="DiskLimitExceeded", value=f"it made more than {FILES} files")
        if self._folder is not None:
            written = _bytes_in(self._folder) + sum(map(_unlinked_bytes, processes))
            if written > FOLDER_BYTES:
                most = FOLDER_BYTES >> 20
                return CodeError(name="DiskLimitExceeded", value=f"it wrote more than {most} MiB of files")
        return None

    def cpu_seconds(self) -> float:
        """Time that the processes which live now have used."""
        total = 0
        for pid in _tree(self._pid):
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        return total / _TICKS

    def close(self) -> None:
        while self._disks:
            os.close(self._disks.pop())


def _tree(pid: int) -> list[int]:
    """Return a process and all below it, nearest first, and a few too many rather than all of a fork bomb."""
    found = [pid]
    for one in found:
        if len(found) > TASKS:
            break
        with contextlib.suppress(OSError):  # it ended
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def _descriptors(pid: int) -> int:
    with contextlib.suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
    return 0


def _size(pid: int) -> tuple[int, int]:
    """Return the memory in bytes and the number of threads of one process."""
    memory = threads = 0
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(("RssAnon:", "RssShmem:")):
                memory += int(line.split()[1]) * 1024
            elif line.startswith("Threads:"):
                threads = int(line.split()[1])
    return memory, threads


def _bytes_in(folder: Path) -> int:
    """Return what a folder takes; more than is allowed where that cannot be told."""
    total = 0

    def unreadable(error: OSError) -> None:
        nonlocal total
        if not isinstance(error, FileNotFoundError):
            total += FOLDER_BYTES + 1

    for where, folders, names in os.walk(folder, onerror=unreadable):
        for name in (*folders, *names):
            with contextlib.suppress(OSError):
                total += os.lstat(f"{where}/{name}").st_blocks * 512 + 4096
        if len(os.fsencode(where)) > _LONGEST_PATH:
            total += FOLDER_BYTES + 1
        if total > FOLDER_BYTES:
            break
    return total


def _unlinked_bytes(pid: int) -> int:
    """Return what files take that have no name any more, but are open or mapped."""
    total = 0
    with contextlib.suppress(OSError):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                seen = file.stat()
                total += seen.st_blocks * 512 if seen.st_nlink == 0 else 0
        for line in Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines():
            if line.endswith("(deleted)") and "/dev/zero" not in line:
                start, end = line.split(" ", 1)[0].split("-")
                total += int(end, 16) - int(start, 16)
    return total
