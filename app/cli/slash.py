"""Slash commands of the conversation: each reads or changes the thread, none asks a model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from app.cli.render import described
from app.cli.terminal import one_line
from lyceum.errors import UserError, nearest
from lyceum.events import Answered, ModelCalled, PlanMade, RunStarted
from lyceum.runs import ENDED, Run, RunStore

if TYPE_CHECKING:
    from app.wiring import App


@dataclass
class Conversation:
    """What commands may change: the thread that is talked in, and who answers the next turn and how.

    `agent` None is routed; `plan` None plans as the words need; `unfinished` is a run that the face should finish next.
    """

    app: App
    thread: str
    agent: str | None = None
    model: str = "default"
    plan: bool | None = None
    unfinished: str = ""
    left: bool = False

    @property
    def store(self) -> RunStore:
        return self.app.store

    @property
    def answering(self) -> str:
        """The model's name as a person reads it."""
        return self.app.runtime.models.reason.partition(" (")[0] if self.model == "default" else self.model


async def command(talk: Conversation, line: str) -> str:
    """Carry out a line that starts with "/" and return what to show; raises UserError for an unknown command."""
    name, _, rest = line.strip().partition(" ")
    if name not in COMMANDS:
        raise UserError(f"There is no command {name}.", next_step=nearest(name, COMMANDS, what="commands"))
    return await COMMANDS[name][0](talk, rest.strip())


async def turns(talk: Conversation) -> list[tuple[Run, Answered | None]]:
    """Return the thread's runs, oldest first, each with its final answer."""
    pairs: list[tuple[Run, Answered | None]] = []
    for run in reversed(await talk.store.runs(thread=talk.thread)):
        answers = [event for event in await talk.store.events(run.id) if isinstance(event, Answered)]
        pairs.append((run, answers[-1] if answers else None))
    return pairs


async def usage(talk: Conversation) -> tuple[int, float | None]:
    """Return the thread's tokens and its cost in US dollars, None where no call had a known price."""
    runs = await talk.store.runs(thread=talk.thread, limit=10_000)
    called: list[ModelCalled] = []
    for run in runs:
        events = await talk.store.events(run.id)
        forked = events[0].forked if events and isinstance(events[0], RunStarted) else None
        own = events[1 + forked.kept :] if forked else events  # what a fork kept was paid once
        called += [event for event in own if isinstance(event, ModelCalled)]
    prices = [event.cost for event in called if event.cost is not None]
    return sum(event.input_tokens + event.output_tokens for event in called), sum(prices) if prices else None


async def _help(_talk: Conversation, _rest: str) -> str:
    return "\n".join(f"{name:<9} {about}" for name, (_, about) in COMMANDS.items())


async def _model(talk: Conversation, rest: str) -> str:
    import asyncio
    import os

    from models.ladder import rungs

    if rest:
        if talk.app.settings.offline:
            raise UserError("This conversation is offline.", next_step="Start it without --offline: lyceum chat -c")
        talk.app.runtime.models.get(rest)  # refused here rather than in the next turn
        talk.model = rest
    ladder = await asyncio.to_thread(rungs, talk.app.settings, os.environ)
    lines = [f"{'✓' if rung.available else ' '} {rung.name:<18} {rung.model:<34} {rung.reason}" for rung in ladder]
    return "\n".join([*lines, f"the next turn is answered by {talk.answering}"])


async def _agent(talk: Conversation, rest: str) -> str:
    team = talk.app.runtime.team
    if rest and rest != "auto" and rest not in team:
        raise UserError(f"There is no agent {rest!r}.", next_step=nearest(rest, team, what="agents"))
    if rest:
        talk.agent = None if rest == "auto" else rest
    return f"asking {talk.agent or 'whoever fits'}; agents: {', '.join(team)}, auto"


async def _plan(talk: Conversation, rest: str) -> str:
    modes = {"on": True, "off": False, "auto": None}
    if rest:
        if rest not in modes:
            raise UserError(f"/plan {rest} is no mode.", next_step=nearest(rest, modes, what="modes"))
        talk.plan = modes[rest]
    mode = next(name for name, plan in modes.items() if plan is talk.plan)
    for run, _ in reversed(await turns(talk)):
        plans = [event for event in await talk.store.events(run.id) if isinstance(event, PlanMade)]
        if plans:
            steps = [f"  {step.id} {step.role}: {one_line(step.task)}" for step in plans[-1].steps]
            return "\n".join([f"planning: {mode}; the latest plan of this thread:", *steps])
    return f"planning: {mode}; no turn of this thread was planned yet"


async def _runs(talk: Conversation, _rest: str) -> str:
    lines = [f"{run.id}  {run.status:<9} {one_line(question_of(run), 70)}" for run, _ in await turns(talk)]
    return "\n".join(lines) or "Nothing was asked yet."


async def _attach(talk: Conversation, rest: str) -> str:
    if not rest:
        raise UserError("/attach needs a file or folder.", next_step="/attach PATH")
    attached = await talk.app.attach(talk.thread, Path(rest))
    lines = [f"attached {item.kind} {item.name}" for item in attached]
    return "\n".join([*lines, *(f"! left out {problem}" for item in attached for problem in item.problems)])


async def _sources(talk: Conversation, _rest: str) -> str:
    answers = [answer for _, answer in await turns(talk) if answer is not None and answer.sources]
    if not answers:
        return "No answer here has sources yet."
    return "\n\n".join(
        f"[{number}] {described(source)}\n{source.text}" for number, source in enumerate(answers[-1].sources, 1)
    )


async def _fork(talk: Conversation, rest: str) -> str:
    thread = await talk.store.thread(talk.thread)
    copy = await talk.store.create_thread(rest or f"{thread.title} (fork)")
    await talk.store.attach(copy.id, thread.attachments)
    for run, _ in await turns(talk):
        twin = await talk.store.create_run(copy.id, run.flow, run.input, parent=run.id)
        for event in await talk.store.events(run.id):
            await talk.store.append(twin.id, event.model_copy(update={"run": "", "seq": 0}))
        status = run.status if run.status in ENDED else "cancelled"
        await talk.store.set_status(twin.id, status, result=run.result, error=run.error)
    talk.thread = copy.id
    return f"now in {copy.id}; the original is {thread.id}"


async def _resume(talk: Conversation, rest: str) -> str:
    if not rest:
        return "\n".join(f"{thread.id}  {one_line(thread.title, 70)}" for thread in await talk.store.threads(limit=15))
    known = [thread.id for thread in await talk.store.threads(limit=10_000) if thread.id.startswith(rest)]
    talk.thread = (await talk.store.thread(known[0] if len(known) == 1 else rest)).id
    talk.unfinished = await unfinished(talk.store, talk.thread)
    return f"now in {talk.thread}"


async def unfinished(store: RunStore, thread: str) -> str:
    """Return the thread's latest run that has not ended, or an empty string."""
    runs = await store.runs(thread=thread, status=("queued", "running", "waiting"), limit=1)
    return runs[0].id if runs else ""


async def _search(talk: Conversation, rest: str) -> str:
    from lyceum.run_search import search_runs

    if not rest:
        raise UserError("/search needs words.", next_step="/search WORDS")
    found = search_runs(talk.app.settings.home / "runs.db", rest)
    lines = [f"{each.thread}  {one_line(each.question, 50)} → {one_line(each.excerpt, 80)}" for each in found]
    return "\n".join(lines) or "Nothing matches all of these words."


async def _cost(talk: Conversation, _rest: str) -> str:
    tokens, cost = await usage(talk)
    return f"{tokens:,} tokens, {'no known price' if cost is None else f'${cost:.4f}'}"


async def _export(talk: Conversation, rest: str) -> str:
    path = Path(rest or f"{talk.thread}.md").expanduser()
    parts = [f"# {(await talk.store.thread(talk.thread)).title}"]
    for run, answer in await turns(talk):
        parts.append(f"## {one_line(question_of(run), 200)}")
        parts.append(answer.text if answer else f"({run.status})")
        if answer and answer.sources:
            parts.append("\n".join(f"- [{n}] {described(source)}" for n, source in enumerate(answer.sources, 1)))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write("\n\n".join(parts) + "\n")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.", next_step="/export OTHER.md") from None
    return f"written to {path}"


async def _clear(talk: Conversation, _rest: str) -> str:
    talk.thread = (await talk.store.create_thread("conversation")).id
    return f"a new thread: {talk.thread}"


async def _quit(talk: Conversation, _rest: str) -> str:
    talk.left = True
    return ""


def question_of(run: Run) -> str:
    """Return what a run was asked, or what else it is about: a folder that it takes in."""
    if not isinstance(run.input, dict):
        return str(run.input)
    given = cast("dict[str, Any]", run.input)
    return str(given.get("question") or given.get("path") or given.get("workspace") or run.flow)


COMMANDS: dict[str, tuple[Callable[[Conversation, str], Awaitable[str]], str]] = {
    "/help": (_help, "this list"),
    "/model": (_model, "[M] who can answer, or who does from the next turn on"),
    "/agent": (_agent, "ROLE asks that agent from now on; auto routes again"),
    "/plan": (_plan, "[on|off|auto] whether turns are planned first; shows the latest plan"),
    "/runs": (_runs, "the runs of this thread"),
    "/attach": (_attach, "PATH answers from a file or folder too"),
    "/sources": (_sources, "the passages and queries behind the latest cited answer"),
    "/fork": (_fork, "[TITLE] goes on in a copy of this thread"),
    "/resume": (_resume, "[THREAD] lists threads, or goes on in one and finishes what it left undone"),
    "/search": (_search, "WORDS finds earlier questions and answers"),
    "/cost": (_cost, "tokens and cost of this thread"),
    "/export": (_export, "[FILE] writes the thread as Markdown; never overwrites"),
    "/clear": (_clear, "starts a new thread; the old one is kept"),
    "/quit": (_quit, "leaves"),
}
