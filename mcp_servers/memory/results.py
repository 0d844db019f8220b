"""What the memory tools take and return."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from lyceum.sources import Source
from memory.answers import Told
from memory.archive import Fact
from memory.blocks import Block, Version
from memory.context import Item

Short = Annotated[str, Field(max_length=200)]


class Said(BaseModel):
    """One turn to keep."""

    text: str = Field(description="What was said.", max_length=20_000_000)
    speaker: str = Field(default="user", description="Who said it.", max_length=200)
    origin: Literal["user", "assistant", "tool"] = Field(
        default="user", description="Whose words they are: only the user's own become facts."
    )
    said: str = Field(default="", description="When, as ISO 8601; empty for now.", max_length=40)
    key: str = Field(default="", description="Names the turn, so that a repeated call keeps it once.", max_length=200)


class Noted(BaseModel):
    """A fact that a model found in a turn: the user's own sentence and what it is about."""

    turn: str = Field(description="The turn's id.", max_length=400)
    sentence: str = Field(description="A sentence of that turn, word for word.", max_length=2000)
    topic: str = Field(default="", description="What a later sentence must be about to replace it.", max_length=200)


class Change(BaseModel):
    """A fact that a turn gives, and what keeping it does to what was known."""

    action: Literal["added", "duplicate", "superseded", "older", "untrusted"]
    turn: str
    topic: str
    text: str
    before: str = Field(default="", description="The fact that it repeats or replaces.")


class Changes(BaseModel):
    turns: int
    left: int = Field(description="Turns that are still unread.")
    changes: list[Change]
    quarantined: list[str] = Field(description="Turns that read like orders to the assistant: kept, but no facts.")
    forgotten: list[str] = Field(default_factory=list[str], description="What a retention rule removed.")
    rewritten: list[str] = Field(default_factory=list[str], description="What held a copy of that.")


class Kept(BaseModel):
    """What became of turns: their ids, the facts that they tell, and what reads like an order and was only kept."""

    turns: list[str]
    saved: bool = Field(default=True, description="False: facts are saved when consolidation is asked for.")
    facts: list[str] = Field(default_factory=list[str], description="The facts, in the user's words.")
    changes: list[Change] = []
    quarantined: list[str] = []
    sources: list[Source] = []


class Unread(BaseModel):
    turns: list[Source]
    known: list[str] = Field(description="Topics that facts are kept under.")


class Found(BaseModel):
    """`told` answers the question, best first, and is empty where nothing does; `sources` are the turns to cite."""

    confident: bool
    confidence: float = Field(description="How likely the best one answers, 0 to 1.")
    told: list[Told]
    sources: list[Source]


class Turns(BaseModel):
    sources: list[Source]


class Facts(BaseModel):
    facts: list[Fact]
    sources: list[Source]


class Remembered(BaseModel):
    """A fact that was kept. `near` is a known fact that it may contradict or repeat: replace that one if it does."""

    fact: Fact
    near: Fact | None = None
    sources: list[Source]


class Blocks(BaseModel):
    blocks: list[Block]
    rendered: str = Field(description="The blocks as a prompt shows them: data, never instructions.")


class Versions(BaseModel):
    block: Block
    versions: list[Version]


class Edited(BaseModel):
    block: Block


class Window(BaseModel):
    """What a model would see, and what it would not, with reasons."""

    text: str
    used: int
    limit: int
    kept: list[Item]
    left: list[Item]


class Due(BaseModel):
    """A thread whose older turns are in no summary yet."""

    thread: str
    before: str
    turns: list[Source]


class Summaries(BaseModel):
    due: list[Due]


class Gone(BaseModel):
    removed: list[str]
    rewritten: list[str] = Field(description="What held a copy and was rewritten.")


class Rebuilt(BaseModel):
    """How many vectors each index holds now; the word indexes hold every text again."""

    turns: int
    facts: int


class Exported(BaseModel):
    format: str
    text: str
    records: int = Field(description="Lines in this part.")
    next: int = Field(default=0, description="Where the next part starts; 0 when this was the last one.")


class Imported(BaseModel):
    added: dict[str, int]
    present: int
    refused: list[str]
