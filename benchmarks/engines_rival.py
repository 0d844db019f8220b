"""What the programs for other engines share: the same effects, deaths and holds as our own conformance flows.

It imports nothing of ours: it runs in environments that have only the other engine.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path


def effect(folder: Path, name: str) -> str:
    """Count an effect, then die, wait or return as the plan in the folder says."""
    _die(folder, "enter", name)
    handle = os.open(folder / "effects", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.write(handle, f"{name} {os.getpid()}\n".encode())
    os.close(handle)
    _die(folder, "inside", name)
    while (folder / "hold" / name).exists():
        time.sleep(0.005)
    return name.upper()


def _die(folder: Path, where: str, name: str) -> None:
    try:
        (folder / "kill" / f"{where}.{name}").unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def order(folder: Path) -> list[str]:
    """Return the steps in the order of the release that is in place."""
    return json.loads((folder / "order").read_text())


def report(**values: object) -> None:
    """Print what the caller reads, as the last line."""
    sys.stdout.flush()
    print(json.dumps(values))
