"""Scripted flows: every effect is counted in a file, and every process can be killed or held at any point of it.

`CONFORMANCE` names a folder. `effects` in it has a line an effect: name, idempotency key, process. A file
`kill/POINT.NAME` kills the process that reaches the point and is used up; `doom/POINT.NAME` kills each one;
`hold/NAME` holds a step as long as it is there.
"""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import lyceum.errors
from lyceum.errors import LyceumError, Unavailable
from lyceum.events import Note
from workflows.context import Context, RetryPolicy, step_options
from workflows.runtime import Runtime, current_step


class Request(BaseModel):
    names: list[str] = []
    seconds: float = 0.0
    size: int = 0
    seed: int = 0
    tree: list[Any] = []


class Pace(BaseModel):
    """What a person may change about a request for approval."""

    speed: int


def folder() -> Path:
    return Path(os.environ["CONFORMANCE"])


def point(where: str, name: str) -> None:
    """Die here where the plan says so, as from `kill -9`."""
    killed = folder() / "kill" / f"{where}.{name}"
    if (folder() / "doom" / f"{where}.{name}").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        killed.unlink()
    except FileNotFoundError:
        return
    with (folder() / "deaths").open("a") as deaths:
        deaths.write(f"{where}.{name}\n")
    os.kill(os.getpid(), signal.SIGKILL)


def effect(name: str) -> None:
    line = f"{name} {current_step().key} {os.getpid()}\n".encode()
    handle = os.open(folder() / "effects", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.write(handle, line)
    os.close(handle)


async def tick(runtime: Runtime, name: str, seconds: float = 0.0) -> str:
    point("enter", name)
    effect(name)
    point("inside", name)
    while (folder() / "hold" / name).exists():  # noqa: ASYNC110 - another process takes it away
        await asyncio.sleep(0.01)
    await asyncio.sleep(seconds)
    return name.upper()


async def weigh(runtime: Runtime, text: str) -> str:
    effect("weigh")
    return text * 2


@step_options(retry=RetryPolicy(attempts=3, first_wait=0.01))
async def break_off(runtime: Runtime, kind: str) -> str:
    effect(f"break.{kind}")
    if kind == "RuntimeError":
        raise RuntimeError("a secret of the other side")
    if kind == "RateLimited":
        if len([line for line in (folder() / "effects").read_text().splitlines() if "RateLimited" in line]) < 3:
            raise Unavailable("Slow down.", retry_after=0.05)
        return "passed"
    raise getattr(lyceum.errors, kind)(f"{kind} was raised.", next_step="Do something.")


async def count_up(runtime: Runtime, until: int, seconds: float) -> int:
    """Tell how far it is; begin where an earlier attempt had come to."""
    begin = int(current_step().last or 0)
    for number in range(begin, until):
        effect(f"count.{number}")
        await current_step().beat(number + 1)
        await asyncio.sleep(seconds)
        point("counted", str(number))
    return until


@step_options(retry=RetryPolicy(attempts=1), seconds=0.2)
async def dawdle(runtime: Runtime) -> str:
    await asyncio.sleep(30)
    return "late"


async def line(ctx: Context, request: Request) -> dict[str, Any]:
    return {"said": [await ctx.step(tick, name, request.seconds) for name in request.names]}


async def fan(ctx: Context, request: Request) -> dict[str, Any]:
    def branch(name: str, seconds: float) -> Any:
        async def run(inner: Context) -> list[str]:
            first = await inner.step(tick, f"{name}1", seconds)
            return [first, await inner.step(tick, f"{name}2", request.seconds - seconds)]

        return run

    count = len(request.names)
    waits = [request.seconds * ((7 * place + request.seed) % count) / count for place in range(count)]
    said = await ctx.gather(*[branch(name, wait) for name, wait in zip(request.names, waits, strict=True)])
    return {"said": said, "after": await ctx.step(tick, "after")}


async def asks(ctx: Context, request: Request) -> dict[str, Any]:
    await ctx.step(tick, "before")
    wait = timedelta(seconds=request.seconds) if request.seconds else None
    decision = await ctx.approve("go", title="Go?", request={"speed": 1}, timeout=wait, edits=Pace)
    await ctx.step(tick, "after")
    return decision.model_dump(include={"approved", "reason", "edited", "by"})


async def rests(ctx: Context, request: Request) -> dict[str, Any]:
    await ctx.step(tick, "before")
    begun = await ctx.now()
    await ctx.sleep(request.seconds)
    await ctx.step(tick, "after")
    return {"seconds": ((await ctx.now()) - begun).total_seconds(), "name": await ctx.uuid()}


async def heavy(ctx: Context, request: Request) -> dict[str, Any]:
    text = await ctx.step(weigh, "x" * request.size)
    await ctx.step(tick, "after")
    return {"size": len(text), "text": text}


async def breaks(ctx: Context, request: Request) -> dict[str, Any]:
    met: list[str] = []
    for kind in request.names:
        try:
            met.append(await ctx.step(break_off, kind))
        except LyceumError as error:
            met.append(f"{type(error).__name__}: {error.message}")
    try:
        await ctx.step(dawdle)
    except LyceumError as error:
        met.append(f"{type(error).__name__}: {error.message}")
    await ctx.step(tick, "after")
    return {"met": met}


async def ends_badly(ctx: Context, request: Request) -> None:
    await ctx.step(break_off, request.names[0])


async def tidies(ctx: Context, request: Request) -> dict[str, Any]:
    try:
        return {"said": [await ctx.step(tick, name) for name in request.names]}
    finally:
        async with ctx.shield():
            await ctx.step(tick, "tidy1")
            await ctx.step(tick, "tidy2")


async def long(ctx: Context, request: Request) -> dict[str, Any]:
    total = 0
    for number in range(request.size):
        total += len(await ctx.step(tick, f"n{number}"))
    return {"total": total}


async def changes(ctx: Context, request: Request) -> dict[str, Any]:
    """Releases of one flow: `code` in the folder says which one runs."""
    code = (folder() / "code").read_text()
    said = [await ctx.step(tick, "a")]
    if code == "shorter":
        return {"said": said}
    if code == "swallows":
        try:
            await ctx.step(weigh, "new")
        except Exception:  # noqa: BLE001 - as a flow that tells what it has so far
            await ctx.step(tick, "other")
    if code == "inserted":
        said.append(await ctx.step(weigh, "new"))
    if code == "guarded" and await ctx.version("new", 1) >= 1:
        said.append(await ctx.step(tick, "new"))
    said.append(await ctx.step(tick, "other" if code == "renamed" else "b"))
    said.append(await ctx.step(tick, "c"))
    return {"said": said}


async def steered(ctx: Context, request: Request) -> dict[str, Any]:
    await ctx.step(tick, "a")
    notes = [await ctx.received("steer")]
    await ctx.step(tick, "b")
    notes.append(await ctx.received("steer"))
    return {"notes": notes}


async def parent(ctx: Context, request: Request) -> dict[str, Any]:
    first = await ctx.child("line", Request(names=["c1", "c2"]))
    await ctx.step(tick, "between")
    return {"first": first, "second": await ctx.child("line", Request(names=["c3"]))}


async def counts(ctx: Context, request: Request) -> dict[str, Any]:
    return {"counted": await ctx.step(count_up, request.size, request.seconds)}


async def tells(ctx: Context, request: Request) -> dict[str, Any]:
    for name in request.names:
        await ctx.emit(Note(text=name))
        await ctx.step(tick, name)
    return {}


async def tree(ctx: Context, request: Request) -> list[Any]:
    """Whatever Hypothesis draws: a name is a step, a list a gather of branches, `now`, `uuid` and notes between."""
    return await _grow(ctx, request.tree)


async def _grow(ctx: Context, nodes: list[Any]) -> list[Any]:
    grown: list[Any] = []
    for node in nodes:
        if isinstance(node, list):
            grown.append(await ctx.gather(*[_branch(inner if isinstance(inner, list) else [inner]) for inner in node]))
        elif node == "now":
            await ctx.now()
        elif node == "note":
            await ctx.emit(Note(text="n"))
        else:
            grown.append(await ctx.step(tick, str(node)))
    return grown


def _branch(nodes: list[Any]) -> Any:
    async def run(inner: Context) -> list[Any]:
        return await _grow(inner, nodes)

    return run


_ALL = (line, fan, asks, rests, heavy, breaks, ends_badly, tidies, long, changes, steered, parent, counts, tells, tree)
FLOWS = {flow.__name__: flow for flow in _ALL}
