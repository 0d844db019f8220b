"""Where confined processes are started: one thread that lives as long as this process, and folders all may reach.

They die with the thread that started them, so that thread must not end. Started by root they run as "nobody", who
cannot look into root's own folders; the thread then has mounts of its own, in which chosen folders also stand where
"nobody" can read them. No other thread sees those mounts.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import ParamSpec, TypeVar

from lyceum.unprivileged import is_root, unprivileged

P = ParamSpec("P")
T = TypeVar("T")

FLAGS = ("-I", "-S", "-B", "-c")
_STAND = "/run/lyceum"
_NEW_MOUNTS, _BIND, _PRIVATE, _RECURSIVE = 0x20000, 4096, 1 << 18, 16384


def in_spawner(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do work in the thread that starts confined processes."""
    return _spawner(os.getpid()).submit(work, *args, **kwargs).result()


def popen(command: Sequence[str], environment: dict[str, str], descriptors: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a process as an ordinary user, with pipes; for the spawner's thread."""
    return subprocess.Popen(  # noqa: S603 - running untrusted input is the purpose; the walls are in the command
        unprivileged(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
        cwd="/", pass_fds=descriptors, start_new_session=True,
    )  # fmt: skip


def reachable(folder: str) -> str:
    """Return where the ordinary user can read a folder, or an empty string."""
    return _reachable_in(os.getpid(), folder)


def interpreter() -> tuple[str, str]:
    """Return the folder of the first Python that works for the ordinary user: where it is, and where he finds it."""
    return _interpreter_in(os.getpid())


@cache
def _reachable_in(pid: int, folder: str) -> str:
    del pid  # a fork has a spawner of its own, and with it other mounts
    return in_spawner(_reachable, folder)


@cache
def _interpreter_in(pid: int) -> tuple[str, str]:
    del pid
    if sys.platform != "linux":
        return "", ""
    for prefix in dict.fromkeys((sys.base_prefix, "/usr")):
        found = reachable(prefix)
        if found and in_spawner(_runs, f"{found}/bin/python3"):
            return prefix, found
    return "", ""


@cache
def _spawner(pid: int) -> ThreadPoolExecutor:
    del pid  # a fork has no threads: it needs a spawner of its own
    pool = ThreadPoolExecutor(1, thread_name_prefix="sandbox")
    if sys.platform == "linux" and is_root():
        pool.submit(_own_mounts)
    return pool


def _own_mounts() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        os.makedirs(_STAND, mode=0o755, exist_ok=True)  # noqa: PTH103
    except OSError:
        return
    if libc.unshare(_NEW_MOUNTS) != 0:
        return  # no such right in this container: only what everyone can read is reachable
    if libc.mount(b"none", b"/", None, _PRIVATE | _RECURSIVE, None) == 0:
        libc.mount(b"lyceum", _STAND.encode(), b"tmpfs", 0, b"size=64k,mode=755")


def _reachable(folder: str) -> str:
    path = Path(folder).resolve()
    if not os.path.isdir(path):  # noqa: PTH112 - where it may not even be looked for, False
        return ""
    if not is_root() or all(each.stat().st_mode & 0o001 for each in (path, *path.parents)):
        return str(path)
    if not path.stat().st_mode & 0o001 or not os.path.ismount(_STAND):
        return ""
    stand = Path(_STAND, str(len(os.listdir(_STAND))))  # noqa: PTH208
    stand.mkdir()
    bound = ctypes.CDLL(None).mount(os.fsencode(path), os.fsencode(stand), None, _BIND | _RECURSIVE, None)
    return str(stand) if bound == 0 else ""


def _runs(python: str) -> bool:
    try:
        started = popen([python, *FLAGS, "import json, ctypes"], {}, ())
    except OSError:
        return False
    started.communicate()
    return started.returncode == 0
