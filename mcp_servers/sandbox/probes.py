"""Tries every abuse of `abuses.yaml` on this machine's tiers of full Python, and looks whether the walls held.

`python -m mcp_servers.sandbox.probes [--quick] [--tier NAME] [--as-nobody]` prints one JSON line a probe.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field

from lyceum.artifacts import Artifact
from mcp_servers.probes import Probe
from mcp_servers.sandbox.bubblewrap import Bubblewrap
from mcp_servers.sandbox.canary import Canary
from mcp_servers.sandbox.claims import clean_name
from mcp_servers.sandbox.confined import Confined, program
from mcp_servers.sandbox.execution import Execution
from mcp_servers.sandbox.landlock import Landlock
from mcp_servers.sandbox.worker import Worker

_LATE = 4.0  # seconds after its limit in which a run has to be over
_LIMIT = 8.0


class Abuse(BaseModel):
    name: str
    code: str
    then: str = ""
    apart: bool = False
    seconds: float = _LIMIT
    ends: list[str] = Field(default_factory=list[str])
    tiers: list[str] = Field(default_factory=list[str])


@cache
def abuses() -> list[Abuse]:
    text = (Path(__file__).parent / "abuses.yaml").read_text(encoding="utf-8")
    return [Abuse.model_validate(each) for each in yaml.safe_load(text)]


def probes(
    *, quick: bool = False, tiers: Sequence[str] = (), listen: Callable[[Probe], None] = lambda _: None
) -> list[Probe]:
    """Try the abuses in each tier that works here, or in the named ones, and tell of each as it was tried.

    `quick` leaves out those that need an interpreter of their own, and with it most of the time.
    """
    found: list[Probe] = []
    kinds: tuple[type[Confined], ...] = (Bubblewrap, Landlock)
    for kind in kinds:
        if tiers and kind.name not in tiers:
            continue
        missing = kind().probe()
        if missing:
            if tiers:
                found.append(Probe(f"{kind.name}: works here", held=False, detail=missing))
            continue
        for probe in _probed(kind(), quick=quick):
            listen(probe)
            found.append(probe)
    return found


def _probed(tier: Confined, *, quick: bool) -> Iterator[Probe]:
    canary = Canary()
    together: Worker | None = None
    try:
        for abuse in abuses():
            if (quick and abuse.apart) or (abuse.tiers and tier.name not in abuse.tiers):
                continue
            if abuse.apart:
                worker = tier.start()
            elif together is None or not together.alive:
                worker = together = tier.start()
            else:
                worker = together
            try:
                wrong = _wrong(abuse, worker, canary)
                if not wrong and abuse.then:
                    wrong = _wrong(abuse.model_copy(update={"code": abuse.then, "ends": []}), tier.start(), canary)
            finally:
                if worker is not together:
                    worker.close()
            yield Probe(f"{tier.name}: {abuse.name}", held=not wrong, detail=wrong)
        if not quick:
            yield Probe(f"{tier.name}: outlives a supervisor that is killed", *_killed(tier))
    finally:
        if together is not None:
            together.close()
        canary.close()


def _wrong(abuse: Abuse, worker: Worker, canary: Canary) -> str:
    """Run an abuse and say what it reached, or nothing."""
    handed: list[str] = []

    def keep(data: bytes, media_type: str, name: str) -> Artifact:
        handed.append(data.decode(errors="replace") + name)
        if clean_name(name) != name:
            handed.append("ESCAPED with a name that was not cleaned")
        return Artifact(sha256="0" * 64, size=len(data), media_type=media_type, name=name)

    below = _below(worker.pid)
    start = time.monotonic()
    done = worker.run(canary.prelude() + abuse.code, abuse.seconds, keep=keep)
    took = time.monotonic() - start
    if abuse.apart:
        worker.close()
        leftover = _still_there(below)
        if leftover:
            return f"processes {leftover} are still there"
    said = done.model_dump_json() + "".join(handed)
    if canary.secret in said:
        return "the secret came out"
    if "ESCAPED" in done.stdout + done.stderr + "".join(handed):
        at = (done.stdout + done.stderr + "".join(handed)).find("ESCAPED")
        return (done.stdout + done.stderr + "".join(handed))[at : at + 200].splitlines()[0]
    if took > abuse.seconds + _LATE:
        return f"it took {took:.1f} s"
    if len(said) > 2_500_000:
        return f"it returned {len(said)} characters"
    if abuse.ends and (done.error.name if done.error else "") not in abuse.ends:
        return f"it ended with {_shown(done)}"
    return canary.touched()


def _shown(done: Execution) -> str:
    return f"{done.error.name}: {done.error.value[:120]}" if done.error else "no error"


def _below(pid: int) -> set[int]:
    """Return the processes that stand between us and the code, itself included."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
    return set(found)


def _still_there(pids: set[int], patience: float = 3.0) -> list[int]:
    """Return which of the processes, or of their sandbox, live on; a kill takes its moment."""
    deadline = time.monotonic() + patience
    while True:
        alive = [pid for pid in pids if _alive(pid)]
        if not alive or time.monotonic() > deadline:
            return alive
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def _killed(tier: Confined) -> tuple[bool, str]:
    """Kill the process that started a sandbox, and see whether the sandbox dies with it."""
    told, tell = os.pipe()
    supervisor = os.fork()
    if supervisor == 0:
        try:
            worker = tier.start()

            def heard(_stream: str, _text: str) -> None:
                os.write(tell, f"{_below(worker.pid)}\n".encode())

            code = "import ctypes, signal\nctypes.CDLL(None).prctl(1, 0)\nprint(1)\nwhile True: pass"
            worker.run(code, 60, listen=heard)
        finally:
            os._exit(1)
    os.close(tell)
    with os.fdopen(told) as lines:
        pids = {int(each) for each in re.findall(r"\d+", lines.readline())}
        os.kill(supervisor, signal.SIGKILL)
        os.waitpid(supervisor, 0)
    left = _still_there(pids)
    for pid in left:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    return bool(pids) and not left, f"processes {left} are still there" if left else "" if pids else "it did not start"


def _become_nobody() -> None:
    """Go on as an ordinary user; what comes later from our own folders is read now."""
    program("confine", "kernel")
    abuses()
    os.environ["HOME"] = "/"
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--tier", action="append", default=[])
    parser.add_argument("--as-nobody", action="store_true", help="drop to an ordinary user first; for root")
    options: Any = parser.parse_args(arguments)
    if options.as_nobody:
        _become_nobody()
    found = probes(
        quick=options.quick,
        tiers=options.tier,
        listen=lambda each: print(json.dumps(asdict(each)), flush=True),  # noqa: T201
    )
    return 0 if found and all(each.held for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
