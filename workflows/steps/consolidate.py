"""The steps of consolidation: what is unread, what would change, what is kept; all through the memory server."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from agents.archivist import Line, Pick
from lyceum.sources import Claim, Source
from models.local.cite import supported
from models.offline.model import OfflineModel
from workflows.runtime import Runtime

SERVER = "memory"


class Note(BaseModel):
    turn: str
    sentence: str
    topic: str = ""


class Batch(BaseModel):
    turns: list[Source] = []
    known: list[str] = []


class Change(BaseModel):
    """A fact, the turn that gives it, and what keeping it does; `before` is what it repeats or replaces."""

    action: str
    turn: str
    topic: str = ""
    text: str
    before: str = ""

    @property
    def line(self) -> str:
        """The change as a line of a diff."""
        match self.action:
            case "superseded":
                return f"- {self.before}\n+ {self.text} [{self.turn}]"
            case "added":
                return f"+ {self.text} [{self.turn}]"
            case _:
                return f"  {self.text} [{self.turn}] ({self.action})"


class Changes(BaseModel):
    turns: int = 0
    left: int = 0
    changes: list[Change] = []
    quarantined: list[str] = []


class Due(BaseModel):
    thread: str
    before: str = ""
    turns: list[Source] = []


async def answers_by_rules(runtime: Runtime, model: str) -> bool:
    """Whether the model asked for is the offline engine, which reads nothing into a turn that rules do not."""
    return isinstance(runtime.models.get(model), OfflineModel)


async def unread(runtime: Runtime, limit: int, by: str) -> Batch:
    """Return the oldest turns that no rule, or no model, has read."""
    return Batch.model_validate(await runtime.tools.call(SERVER, "memory_unread", {"limit": limit, "by": by}))


async def consolidated(
    runtime: Runtime,
    turns: list[str],
    notes: list[Note] | None,
    dry: bool,
    skip: bool,
) -> Changes:
    """Turn these turns into facts, or with `dry` only show it; `skip` marks them as read. Again, it adds nothing."""
    arguments: dict[str, Any] = {"limit": max(1, len(turns)), "turns": turns, "dry": dry, "skip": skip}
    if notes is not None:
        arguments["notes"] = [note.model_dump() for note in notes]
    return Changes.model_validate(await runtime.tools.call(SERVER, "memory_consolidate", arguments))


async def due(runtime: Runtime) -> list[Due]:
    """Return the threads that need a summary."""
    found = await runtime.tools.call(SERVER, "memory_summarise", {"dry": True})
    return [Due.model_validate(each) for each in found["due"]]


async def summarised(runtime: Runtime, thread: Due, lines: list[Line]) -> str:
    """Keep a summary: of the model's lines those that their turns support, or by rules where none is left."""
    kept = [
        f"- {line.text.strip()} [{thread.turns[line.turn - 1].id}]"
        for line in lines
        if 0 < line.turn <= len(thread.turns) and _holds(line, thread.turns[line.turn - 1])
    ]
    arguments: dict[str, Any] = {"thread": thread.thread}
    if kept:
        last = int(thread.turns[-1].id.rpartition("/")[2])
        arguments |= {"text": "\n".join(filter(None, [thread.before, *kept]))[-6000:], "upto": last}
    await runtime.tools.call(SERVER, "memory_summarise", arguments)
    return "model" if kept else "rules"


def _holds(line: Line, turn: Source) -> bool:
    return supported(Claim(text=line.text, citations=[turn.id]), [turn])


def picked(batch: Batch, facts: list[Pick]) -> list[Note]:
    """Give a model's picks the ids of their turns; numbers that no turn has are dropped."""
    return [
        Note(turn=batch.turns[pick.turn - 1].id, sentence=pick.sentence, topic=pick.topic)
        for pick in facts
        if 0 < pick.turn <= len(batch.turns)
    ]
