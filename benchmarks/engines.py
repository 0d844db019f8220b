"""Durable engines side by side, in one run: the embedded journal, Temporal, LangGraph with SqliteSaver, and DBOS.

    python -m benchmarks.engines [--steps 1000] [--without temporal,dbos,langgraph] [--try ENGINE]

Times are of steps that do nothing, with every step durable before the next. Guarantees are tried with real processes
and kill -9. LangGraph and DBOS run in environments of their own, which uv makes. Writes results/engines.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.engines_ours import journal_guarantees, journal_many, journal_speed, temporal_guarantees, temporal_speed
from benchmarks.engines_tried import TRIED, try_rival

HERE = Path(__file__).parent
RIVALS = {
    "langgraph": ["langgraph>=1.2.22", "langgraph-checkpoint-sqlite>=3.1.2"],
    "dbos": ["dbos>=3.4,<4"],
}
STEPS = ["a", "b", "c", "d"]


class Rival:
    """One of the other engines, each call a process of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        for each in ("kill", "hold"):
            (folder / each).mkdir(parents=True, exist_ok=True)
        (folder / "effects").touch()

    def start(self, what: str, count: int = 0) -> subprocess.Popen[str]:
        uv = Path(sys.executable).parent / "uv"
        command = [str(uv), "run", "--quiet", "--isolated", "--no-project", "--python", sys.executable]
        for package in RIVALS[self.name]:
            command += ["--with", package]
        command += ["python", str(HERE / f"engines_{self.name}.py"), what, str(self.folder), str(count)]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
        )

    def run(self, what: str, count: int = 0) -> tuple[int, dict[str, Any]]:
        process = self.start(what, count)
        out, _ = process.communicate(timeout=300)
        lines = out.strip().splitlines()
        return process.returncode, json.loads(lines[-1]) if process.returncode == 0 and lines else {}

    def until_done(self, what: str) -> Any:
        for _ in range(20):
            code, said = self.run(what)
            if code == 0:
                return said["result"]
        return None

    def counted(self) -> Counter[str]:
        return Counter(line.split()[0] for line in (self.folder / "effects").read_text().splitlines())

    def reach(self, name: str) -> None:
        for _ in range(6000):
            if self.counted()[name]:
                return
            time.sleep(0.01)


def rival_speed(name: str, count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        rival = Rival(name, Path(folder))
        _, whole = rival.run("steps", count)
        (file,) = [each for each in Path(folder).iterdir() if each.suffix == ".db"]
        size = sum(each.stat().st_size for each in Path(folder).glob(f"{file.name}*"))
    with tempfile.TemporaryDirectory() as folder:
        rival = Rival(name, Path(folder))
        (rival.folder / "kill" / "end").touch()
        rival.run("steps", 300)
        _, again = rival.run("resume", 300)
    launch = again.get("launch", 0.0)
    return {
        "ms_per_step": round(1000 * (whole["seconds"] - whole.get("launch", 0.0) * 0) / count, 3),
        "resume_300_ms": round(1000 * (again["seconds"] - launch), 1),
        "resume_repeated_steps": again["calls"],
        "bytes_per_step": round(size / count),
    }


def rival_guarantees(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        rival = Rival(name, Path(folder))
        (rival.folder / "order").write_text(json.dumps(STEPS))
        for step in STEPS:
            (rival.folder / "kill" / f"enter.{step}").touch()
        result = rival.until_done("line")
        found["killed between steps: finished calls repeated"] = sum(rival.counted().values()) - len(STEPS)
        found["killed between steps: result right"] = result == [step.upper() for step in STEPS]
    for what in ("fan", "nested") if name == "langgraph" else ("fan",):
        with tempfile.TemporaryDirectory() as folder:
            rival = Rival(name, Path(folder))
            (rival.folder / "hold" / "p1").touch()
            (rival.folder / "kill" / "enter.p2").touch()
            first = rival.start(what)
            rival.reach("q2")
            time.sleep(0.5)
            (rival.folder / "hold" / "p1").unlink()
            first.communicate(timeout=60)
            result = rival.until_done(what)
            how = " (each a task)" if what == "nested" else ""
            own = result == [["P1", "P2"], ["Q1", "Q2"]]
            found[f"parallel branches keep their own results{how}"] = own
            found[f"parallel branches: result{how}"] = result
    with tempfile.TemporaryDirectory() as folder:
        rival = Rival(name, Path(folder))
        (rival.folder / "order").write_text(json.dumps(STEPS))
        (rival.folder / "kill" / "inside.b").touch()
        rival.run("line")
        (rival.folder / "hold" / "c").touch()
        both = [rival.start("line"), rival.start("line")]
        rival.reach("c")
        time.sleep(3)
        (rival.folder / "hold" / "c").unlink()
        for each in both:
            each.communicate(timeout=120)
        found["two processes resume at once: calls made twice"] = rival.counted()["c"] + rival.counted()["d"] - 2
    with tempfile.TemporaryDirectory() as folder:
        rival = Rival(name, Path(folder))
        (rival.folder / "order").write_text(json.dumps(["a", "b", "c"]))
        (rival.folder / "kill" / "enter.c").touch()
        rival.run("line")
        (rival.folder / "order").write_text(json.dumps(["b", "a", "c"]))
        code, said = rival.run("line")
        found["code changed in mid-run is noticed"] = code != 0
        found["code changed in mid-run: result"] = said.get("result")
    return found | try_rival(lambda folder: Rival(name, folder), timer=name == "dbos", cancel=name == "dbos")


def table(found: dict[str, Any]) -> str:
    """Return the results as a Markdown table, an engine a column."""
    engines = found["engines"]
    rows = [
        ("ms a step, durable before the next", lambda e: e["ms_per_step"]),
        ("ms to resume after 300 steps", lambda e: e["resume_300_ms"]),
        ("bytes a step", lambda e: e["bytes_per_step"]),
    ]
    tried = [
        ("finished calls repeated, killed 4 times between 4 steps", "killed between steps: finished calls repeated"),
        ("branches as coroutines keep their own results", "parallel branches keep their own results"),
        ("calls made twice when two processes resume at once", "two processes resume at once: calls made twice"),
        ("a changed order of steps is noticed on a resume", "code changed in mid-run is noticed"),
        *[(what, what) for what in TRIED],
    ]
    words = {True: "yes", False: "no", None: "not offered"}
    lines = [f"| | {' | '.join(engines)} |", f"| --- |{' --- |' * len(engines)}"]
    lines += [f"| {name} | {' | '.join(str(read(engine)) for engine in engines.values())} |" for name, read in rows]
    for name, key in tried:
        cells = [engine["guarantees"].get(key, "not tried") for engine in engines.values()]
        lines.append(
            f"| {name} | {' | '.join(words[c] if c is None or isinstance(c, bool) else str(c) for c in cells)} |"
        )
    lines += ["", *_many(engines)]
    bare = engines["journal"]["bare_commit_ms"]
    lines.append("")
    own = engines["journal"]["of_it_processor_ms"]
    lines.append(
        f"{found['date']}, {found['machine']}, load {found['load'][0]:.1f}. A bare durable SQLite commit took {bare} "
        f"ms there and then; of the journal's time a step, {own} ms is the processor's."
    )
    return "\n".join(lines)


def _many(engines: dict[str, Any]) -> list[str]:
    """Say in words what was measured of our two engines only."""
    many, temporal = engines["journal"].get("many"), engines.get("temporal")
    lines: list[str] = []
    if many:
        lines.append(
            f"On the journal, {many['runs']} runs of {many['steps_each']:,} steps at once in one process: "
            f"{many['steps_per_second']:,} steps a second, {many['p50_ms']} ms a step at the median and "
            f"{many['p99_ms']} ms at p99; the last tenth of all steps took {many['last_tenth_ms']} ms each, the first "
            f"{many['first_tenth_ms']} ms; {many['bytes_per_step']} bytes a step."
        )
    if temporal:
        lines.append(
            f"On Temporal a step is {temporal['events_per_step']} events and {temporal['bytes_per_step']} bytes of "
            f"history: about {temporal['steps_before_51200_events']:,} steps before its limit of 51,200 events, which "
            "`continue_after` keeps away."
        )
    return [" ".join(lines)] if lines else []


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--each", type=int, default=1000, help="steps of each of the 50 runs at once")
    parser.add_argument("--without", default="")
    parser.add_argument("--table", action="store_true", help="print the committed results as the page shows them")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "engines.json", help="where the results go")
    parser.add_argument("--try", dest="one", metavar="ENGINE", help="only try this one's guarantees, and print them")
    args = parser.parse_args()
    if args.table:
        print(table(json.loads(args.out.read_text(encoding="utf-8"))))
        return
    found = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} shared cores, {platform.machine()}, Python {platform.python_version()}",
        "load": os.getloadavg(),
        "steps": args.steps,
        "engines": {},
    }
    measures: dict[str, Callable[[], dict[str, Any]]] = {
        "journal": lambda: {**asyncio.run(journal_speed(args.steps)), "many": journal_many(count=args.each)},
        "temporal": lambda: asyncio.run(temporal_speed(min(args.steps, 500))),
        **{name: lambda name=name: rival_speed(name, args.steps) for name in RIVALS},
    }
    tries: dict[str, Callable[[], dict[str, Any]]] = {
        "journal": lambda: asyncio.run(journal_guarantees()),
        "temporal": lambda: asyncio.run(temporal_guarantees()),
        **{name: lambda name=name: rival_guarantees(name) for name in RIVALS},
    }
    if args.one:
        print(json.dumps(tries[args.one](), indent=2))
        return
    chosen = [name for name in measures if name not in args.without.split(",")]
    for name in chosen:  # speeds first, one after the other, so that they share the machine's mood
        found["engines"][name] = measures[name]()
        print(name, json.dumps(found["engines"][name]), flush=True)
    for name in chosen:
        found["engines"][name]["guarantees"] = tries[name]()
        print(name, json.dumps(found["engines"][name]["guarantees"]), flush=True)
        args.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
