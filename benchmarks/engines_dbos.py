"""DBOS 3 on SQLite, its embedded store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from pathlib import Path

from dbos import DBOS, SetWorkflowID
from engines_rival import effect, order, report

what, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
logging.disable(logging.CRITICAL)
DBOS(
    config={
        "name": "bench",
        "system_database_url": f"sqlite:///{folder}/dbos.db",
        "run_admin_server": False,
        "application_version": "1",
        "executor_id": "one",
    }
)
calls = 0


@DBOS.step()
def number(n: int) -> int:
    global calls
    calls += 1
    return n


@DBOS.step()
async def tick(name: str) -> str:
    return await asyncio.to_thread(effect, folder, name)


@DBOS.workflow()
def numbers(n: int) -> int:
    total = 0
    for each in range(n):
        total += number(each)
    if (folder / "kill" / "end").exists():
        (folder / "kill" / "end").unlink()
        os._exit(9)
    return total


@DBOS.workflow()
async def line() -> list[str]:
    return [await tick(name) for name in order(folder)]


async def branch(name: str) -> list[str]:
    return [await tick(f"{name}1"), await tick(f"{name}2")]


@DBOS.workflow()
async def fan() -> list[list[str]]:
    return list(await asyncio.gather(branch("p"), branch("q")))


@DBOS.step()
async def weigh(text: str) -> str:
    await asyncio.to_thread(effect, folder, "weigh")
    return text * 2


@DBOS.workflow()
async def large() -> list[int]:
    text = await weigh("x" * (1 << 19))
    await tick("after")
    return [len(text)]


@DBOS.step()
async def fail() -> None:
    await asyncio.to_thread(effect, folder, "fails")
    raise ValueError("no")


@DBOS.workflow()
async def fails() -> list[str]:
    with contextlib.suppress(ValueError):
        await fail()
    return [await tick("after")]


@DBOS.workflow()
async def nap() -> list[str]:
    await tick("before")
    await DBOS.sleep_async(6)
    return [await tick("after")]


@DBOS.workflow()
async def ask() -> list[str]:
    await tick("before")
    answer = await DBOS.recv_async("go", timeout_seconds=60)
    await tick("after")
    return [str(answer)]


begin = time.perf_counter()
DBOS.launch()  # takes up what a process that died left behind
launched = time.perf_counter() - begin


async def run(flow: object) -> object:
    with SetWorkflowID("run"):
        handle = await DBOS.start_workflow_async(flow)
    return await handle.get_result()


if what in ("steps", "resume"):
    if DBOS.get_workflow_status("run") is None:
        begin = time.perf_counter()
        with SetWorkflowID("run"):
            result = numbers(count)
    else:
        result = DBOS.retrieve_workflow("run").get_result(polling_interval_sec=0.001)
elif what == "cancel":
    DBOS.cancel_workflow("run")
    result = None
elif what in ("yes", "no"):
    DBOS.send("run", what, "go")
    result = DBOS.retrieve_workflow("run").get_result()
elif what == "ask":
    with SetWorkflowID("run"):
        DBOS.start_workflow(ask)
    time.sleep(2)  # it waits for its answer now; the next process takes it up
    result = None
else:
    begin = time.perf_counter()
    result = asyncio.run(run({"line": line, "fan": fan, "large": large, "fails": fails, "nap": nap}[what]))
report(result=result, seconds=time.perf_counter() - begin, launch=launched, calls=calls)
os._exit(0)
