"""Consolidation: new turns become facts, once, with the turn as their reason; the turns themselves stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import BaseModel

from memory.archive import Archive, Fact, New, Outcome
from memory.blocks import Blocks, Edit
from memory.dates import absolute, starts
from memory.extraction import Extracted, extract, suspicious
from memory.personal import tags_of
from memory.recall import Turn, at_places, turn_of
from memory.scope import SEEN, Scope
from memory.sql import Database

KNOWN = "known"  # the block that consolidation writes; the others belong to people and agents
WRITER = "consolidation"
RULES, MODEL = 1, 2  # how thoroughly a turn was read
Extract = Callable[[Turn], Sequence[Extracted]]


class Note(BaseModel):
    """What a model found in a turn: a sentence of it, word for word, and what that is about."""

    turn: str
    sentence: str
    topic: str = ""


class Change(BaseModel):
    """One fact that a turn gives, and what keeping it does."""

    turn: str
    outcome: Outcome


class Consolidated(BaseModel):
    """`turns` were read; `quarantined` read like orders to the assistant and gave nothing; `left` are still unread."""

    turns: int = 0
    changes: list[Change] = []
    quarantined: list[str] = []
    left: int = 0


class DryRun(Exception):
    def __init__(self, result: Consolidated) -> None:
        self.result = result


class Consolidation:
    """`extract` finds the facts of a turn: by rules, or with a model behind the same signature."""

    def __init__(self, file: Database, archive: Archive, blocks: Blocks, extract: Extract = extract) -> None:
        self._file = file
        self._archive = archive
        self._blocks = blocks
        self._extract = extract

    def run(
        self,
        scope: Scope,
        *,
        most: int = 1000,
        dry: bool = False,
        notes: Sequence[Note] | None = None,
        among: Sequence[Turn] | None = None,
    ) -> Consolidated:
        """Read up to `most` new turns (of those `among` some), oldest first, as one transaction; `dry` only shows.

        With `notes`, what a model noted in these turns is kept beside what the rules find. A run that is killed has
        done nothing, and the next one begins where it began.
        """
        level = RULES if notes is None else MODEL
        by_turn: dict[str, list[Note]] = {}
        for note in notes or ():
            by_turn.setdefault(note.turn, []).append(note)
        try:
            with self._file.transaction(scope) as database:
                which, parts = "", list[object]()
                if among is not None:
                    named, parts = at_places(scope, [(turn.thread, turn.number) for turn in among])
                    which = f" AND id IN ({named})"
                rows = database.execute(
                    f"SELECT * FROM turns WHERE {SEEN} AND consolidated < ?{which} ORDER BY said, id LIMIT ?",  # noqa: S608
                    (*scope.place, level, *parts, most + 1),
                ).fetchall()
                result = Consolidated(turns=min(len(rows), most), left=max(0, len(rows) - most))
                for row in rows[:most]:
                    turn = turn_of(row)
                    if suspicious(turn.text):
                        result.quarantined.append(turn.id)
                    own = scope.model_copy(update={"agent": row["agent"], "project": row["project"]})
                    for found in self._both(turn, by_turn.get(turn.id, [])):
                        outcome = self._archive.insert_in(database, own, _new(found, turn))
                        result.changes.append(Change(turn=turn.id, outcome=outcome))
                    database.execute("UPDATE turns SET consolidated = ? WHERE id = ?", (level, row["id"]))
                if dry:
                    raise DryRun(result)
        except DryRun as stopped:
            return stopped.result
        if result.changes:
            self.write_known(scope)
        return result

    def unread(self, scope: Scope, *, most: int, level: int = 1) -> list[Turn]:
        """Return the turns that the next run at this level would read, oldest first."""
        rows = self._file.rows(
            f"SELECT * FROM turns WHERE {SEEN} AND consolidated < ? ORDER BY said, id LIMIT ?",  # noqa: S608
            *scope.place, level, most,
        )  # fmt: skip
        return [turn_of(row) for row in rows]

    def _both(self, turn: Turn, notes: Sequence[Note]) -> list[Extracted]:
        found = list(self._extract(turn))
        known = " ".join(each.text.casefold() for each in found)
        more = [noted(turn, note) for note in notes]
        return found + [each for each in more if each is not None and each.text.casefold().rstrip(".!") not in known]

    def write_known(self, scope: Scope) -> None:
        """Bring the block of known facts up to date, newest first, as many as it holds; the user's own words only."""
        general = scope.model_copy(update={"agent": ""})
        if KNOWN not in {block.label for block in self._blocks.all(general)}:
            self._blocks.define(general, KNOWN, description="What the user said, in their words.")
        block = self._blocks.get(general, KNOWN)
        text = ""
        for fact in self._archive.facts(general):
            line = f"- {fact.text} [{fact.sources[0]}]\n" if fact.sources and fact.origin == "user" else ""
            if len(text) + len(line) <= block.limit:
                text += line
        if text.rstrip() != block.text:
            self._blocks.rethink(general, KNOWN, text.rstrip(), Edit(who=WRITER, why="new turns"))


def noted(turn: Turn, note: Note) -> Extracted | None:
    """Return a model's note as a fact where it is the user's own sentence; whatever else a model wrote is dropped."""
    said, plain = " ".join(turn.text.split()), " ".join(note.sentence.split())
    place = said.casefold().find(plain.casefold())
    own = said[place : place + len(plain)]
    if turn.origin != "user" or not plain or place < 0 or own.endswith("?") or suspicious(own):
        return None
    return Extracted(note.topic.strip().lower(), absolute(own, turn.said), starts(own, turn.said), 0.8)


def reasons(file: Database, scope: Scope, fact: Fact) -> list[Turn]:
    """Return the turns that a fact was learned from: why it is remembered."""
    found: list[Turn] = []
    for source in fact.sources:
        thread, _, number = source.removeprefix("turn:").rpartition("/")
        row = file.one(
            f"SELECT * FROM turns WHERE {SEEN} AND thread = ? AND number = ?",  # noqa: S608
            *scope.place, thread, int(number) if number.isdecimal() else -1,
        )  # fmt: skip
        found += [turn_of(row)] if row else []
    return found


def _new(found: Extracted, turn: Turn) -> New:
    return New(
        text=found.text,
        topic=found.topic,
        tags=tags_of(found.topic, found.text),
        sources=[turn.id],
        origin=turn.origin,
        confidence=found.confidence,
        valid_from=found.since,
        said=turn.said,
    )
