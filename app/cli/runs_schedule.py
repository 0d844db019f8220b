"""`lyceum runs schedule`: research that is carried out again every so often, and says what has changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from app.cli.durations import seconds_of, told
from app.cli.terminal import one_line, say
from lyceum.errors import UserError, nearest
from lyceum.runs import Run
from lyceum.settings import Settings

if TYPE_CHECKING:
    from app.wiring import App
    from workflows.engines.schedules import Schedule, Schedules

VERBS = ("list", "add", "pause", "resume", "remove", "now")
FLOW = "deep_research"


async def schedule(settings: Settings, verb: str, start: str, every: str | None, *, as_json: bool) -> int:
    """Carry out `lyceum runs schedule VERB [RUN]`; raises UserError for what is none."""
    from app.schedules import schedules_of
    from app.wiring import wire

    if verb not in VERBS:
        raise UserError(f"runs schedule {verb} is none.", next_step=nearest(verb, VERBS, what="actions"))
    async with wire(settings) as app, schedules_of(app) as kept:
        if verb == "list":
            await _list(app, await kept.all(), as_json=as_json)
            return 0
        run = await _run(app, start)
        match verb:
            case "add":
                await repeat(app, kept, run, every or "")
            case "pause" | "resume":
                await kept.pause(run.id, paused=verb == "pause")
                print(f"{run.id}: {'paused' if verb == 'pause' else 'goes on'}")
            case "remove":
                await kept.remove(run.id)
                print(f"{run.id}: not repeated any more; its reports stay")
            case _:
                begun = await kept.now(run.id)
                print(begun or f"{run.id}: begun as soon as a `lyceum worker` is there")
                if begun:
                    say(f"a `lyceum worker` carries it out, or `lyceum runs resume {begun}`")
    return 0


async def repeat(app: App, kept: Schedules, run: Run, every: str) -> None:
    """Have a run repeated and say when it is next."""
    if run.flow != FLOW:
        raise UserError(f"Run {run.id} is no research.", next_step="Only research is repeated; see `lyceum runs list`.")
    if run.engine != app.engine.name:
        raise UserError(
            f"Run {run.id} ran on {run.engine}; what is repeated stays where it ran.",
            next_step=f"Set LYCEUM_ENGINE={run.engine} and ask again.",
        )
    made = await kept.add(run.id, seconds_of(every, option="--every", least=60))
    say(f"repeated every {told(made.every)}, next at {_when(made)}, while a `lyceum worker` runs")


async def _list(app: App, found: list[Schedule], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([each.model_dump(mode="json") for each in found], indent=2))
        return
    for each in found:
        run = await app.store.run(each.run)
        state = "paused" if each.paused else f"next {_when(each)}"
        last = f"  last {each.last}" if each.last else ""
        print(f"{each.run}  every {told(each.every):<5} {state}{last}  {one_line(str(run.input['question']), 60)}")


def _when(made: Schedule) -> str:
    return f"{made.next:%Y-%m-%d %H:%M} UTC" if made.next else "a time that the server has yet to say"


async def _run(app: App, start: str) -> Run:
    if not start:
        raise UserError("Name the run that is repeated.", next_step="See `lyceum runs schedule list`.")
    found = [run for run in await app.store.runs(limit=10_000) if run.id.startswith(start)]
    if len(found) != 1:
        what = "No run starts" if not found else f"{len(found)} runs start"
        raise UserError(f"{what} with {start!r}.", next_step="See `lyceum runs list`.")
    return found[0]
