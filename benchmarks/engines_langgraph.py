"""LangGraph 1.2 with SqliteSaver, each call its own task and written before the next: its strictest setting."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import time
from pathlib import Path

from engines_rival import effect, order, report
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.func import entrypoint, task
from langgraph.types import Command, interrupt

what, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
database = sqlite3.connect(folder / "langgraph.db", check_same_thread=False, timeout=10)
database.execute("PRAGMA journal_mode=WAL")
database.execute("PRAGMA synchronous=FULL")
saver = SqliteSaver(database)
CONFIG = {"configurable": {"thread_id": "run"}, "recursion_limit": 1_000_000}
calls = 0


@task
def number(n: int) -> int:
    global calls
    calls += 1
    return n


@task
def tick(name: str) -> str:
    return effect(folder, name)


@entrypoint(checkpointer=saver)
def numbers(n: int) -> int:
    total = 0
    for each in range(n):
        total += number(each).result()
    if (folder / "kill" / "end").exists():
        (folder / "kill" / "end").unlink()
        raise SystemExit(9)
    return total


@entrypoint(checkpointer=saver)
def line(_: str) -> list[str]:
    return [tick(name).result() for name in order(folder)]


@task
def weigh(text: str) -> str:
    effect(folder, "weigh")
    return text * 2


@entrypoint(checkpointer=saver)
def large(_: str) -> list[int]:
    text = weigh("x" * (1 << 19)).result()
    tick("after").result()
    return [len(text)]


@task
def fail() -> None:
    effect(folder, "fails")
    raise ValueError("no")


@entrypoint(checkpointer=saver)
def fails(_: str) -> list[str]:
    with contextlib.suppress(ValueError):
        fail().result()
    return [tick("after").result()]


@entrypoint(checkpointer=saver)
def ask(_: str) -> list[str]:
    tick("before").result()
    answer = interrupt("go?")
    tick("after").result()
    return [answer]


@task
def branch(name: str) -> list[str]:
    return [tick(f"{name}1").result(), tick(f"{name}2").result()]


@entrypoint(checkpointer=saver)
def nested(_: str) -> list[list[str]]:
    return [each.result() for each in [branch("p"), branch("q")]]


@task
async def tock(name: str) -> str:
    return await asyncio.to_thread(effect, folder, name)


async def fan() -> list[list[str]]:
    """Two branches as plain coroutines, as one would write them."""

    async def run(name: str) -> list[str]:
        return [await tock(f"{name}1"), await tock(f"{name}2")]

    async with AsyncSqliteSaver.from_conn_string(str(folder / "fan.db")) as kept:

        @entrypoint(checkpointer=kept)
        async def both(_: str) -> list[list[str]]:
            return list(await asyncio.gather(run("p"), run("q")))

        before = await kept.aget_tuple(CONFIG)
        return await both.ainvoke(None if before else "go", CONFIG, durability="sync")


if what == "fan":
    report(result=asyncio.run(fan()))
    sys.exit(0)
if what in ("yes", "no"):
    report(result=ask.invoke(Command(resume=what), CONFIG, durability="sync"))
    sys.exit(0)
flows = {
    "steps": numbers,
    "resume": numbers,
    "line": line,
    "nested": nested,
    "large": large,
    "fails": fails,
    "ask": ask,
}
flow = flows[what]
before = saver.get_tuple(CONFIG) is not None
given = None if before else (count if flow is numbers else "go")
begin = time.perf_counter()
result = flow.invoke(given, CONFIG, durability="sync")
result = None if what == "ask" else result
report(result=result, seconds=time.perf_counter() - begin, calls=calls)
