"""What a chat turn leaves in memory and takes out of it; a memory that cannot be used never spoils an answer."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from agents.routing import assign
from lyceum.errors import LyceumError
from lyceum.events import Answered
from lyceum.sources import Claim, Source
from memory.asked import SINGLE, about_self, topic_asked
from memory.extraction import sentences, tells
from models.offline.model import OfflineModel
from workflows.runtime import Runtime

SERVER = "memory"
SPEAKER = "lyceum"
LONGEST = 20_000  # characters of an answer that are kept
REMEMBERED = 4000  # characters of the blocks that go before a model


class Heard(BaseModel):
    """What the question did to memory: its turn, the facts that it tells, the blocks, and whether it is known.

    `on`: there is a memory. `turn` is empty while the question is not kept yet. `known`: it asks about the user, and
    memory has the answer, or nothing else could have it. `problem`: memory could not be used, and why.
    """

    on: bool = False
    turn: str = ""
    noted: list[Claim] = []
    sources: list[Source] = []
    blocks: str = ""
    known: bool = False
    problem: str = ""


async def hear(runtime: Runtime, thread: str, run: str, question: str, model: str) -> Heard:
    """Keep a question as a turn, learn what it tells, and look whether memory answers it.

    A question that memory has no part in is kept after its answer, with it: nobody waits for that.
    """
    if SERVER not in runtime.tools.servers():
        return Heard()
    if isinstance(runtime.models.get(model), OfflineModel) and not (about_self(question) or tells(question)):
        return Heard(on=True)
    try:
        said = {"text": question, "key": f"{run}/question"}
        kept = await runtime.tools.call(SERVER, "memory_record", {"thread": thread, "turns": [said]})
        if not kept["turns"]:
            return Heard()
        turn = str(kept["turns"][0])
        blocks = str((await runtime.tools.call(SERVER, "memory_blocks", {}))["rendered"])
        known = False
        if about_self(question):
            found = await runtime.tools.call(SERVER, "memory_search", {"query": question[:2000], "without": turn})
            known = bool(found["confident"]) or topic_asked(question) in SINGLE
        return Heard(
            on=True,
            turn=turn,
            noted=_noted(question, turn, kept),
            sources=[Source.model_validate(source) for source in kept["sources"]],
            blocks=" ".join(blocks.split())[:REMEMBERED],
            known=known,
        )
    except LyceumError as error:
        return Heard(problem=error.message)


def _noted(question: str, turn: str, kept: dict[str, Any]) -> list[Claim]:
    """Return what to say to a message that only tells something; nothing where it also asks or orders something."""
    changes = kept["changes"]
    if (
        "?" in question
        or assign(question, frozenset()).role != "researcher"
        or len(changes) * 2 < len(sentences(question))
    ):
        return []
    claims: list[Claim] = []
    for change in changes:
        text = f"\u201c{change['text']}\u201d"
        if not kept["saved"]:
            said = f"I would remember: {text} Save it with `lyceum memory consolidate`."
        elif change["action"] == "duplicate":
            said = f"I know: {text}"
        elif change["action"] == "superseded":
            said = f"Noted: {text} Until now it was: \u201c{change['before']}\u201d"
        else:
            said = f"Noted: {text}"
        claims.append(Claim(text=said, citations=[turn]))
    return claims


async def keep_turns(runtime: Runtime, thread: str, run: str, question: str, answer: Answered) -> str:
    """Keep what was asked, where it was not kept before, and answered; returns what went wrong, if anything."""
    said = {"text": answer.text[:LONGEST], "speaker": SPEAKER, "origin": "assistant", "key": f"{run}/answer"}
    turns = [{"text": question, "key": f"{run}/question"}, said]
    try:
        await runtime.tools.call(SERVER, "memory_record", {"thread": thread, "turns": turns})
    except LyceumError as error:
        return error.message
    return ""
