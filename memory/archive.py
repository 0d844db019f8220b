"""The archive: facts with their turns, when they held and when they were known. What changes is superseded, not lost.

Two times are kept apart: `valid_from`/`valid_to` say when something was so, `recorded`/`retired` when it was believed.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field

from lyceum.errors import UserError
from lyceum.sources import Source
from memory.database import clean, now
from memory.index import VectorIndex
from memory.ranking import DEPTH, best, fused
from memory.recall import FILLED_IN, Origin, after, utc
from memory.scope import OWN, SEEN, Scope
from memory.sql import Connection, Database, Row
from memory.vectors import Vectors, placeholders

if TYPE_CHECKING:
    from models.embeddings import Embedder

ACTIVE = "retired IS NULL AND valid_to IS NULL"
NEWS = timedelta(days=90)  # what began longer before it was told tells of the past
SKEW = timedelta(minutes=1)  # between saying something and learning it
TRUST: dict[Origin, int] = {"user": 2, "assistant": 1, "tool": 0}


class New(BaseModel):
    """A fact to be kept. A later fact of the same `topic` supersedes it; an empty topic never meets another.

    `said` is when it was told: "I moved two weeks ago" is news to whoever was told yesterday where one lives.
    """

    text: str = Field(min_length=1, max_length=20_000)
    topic: str = Field(default="", max_length=200)
    tags: list[str] = []
    sources: list[str] = []
    origin: Origin = "user"
    confidence: float = Field(default=1.0, ge=0, le=1)
    valid_from: datetime | None = None
    said: datetime | None = None


class Fact(BaseModel):
    """`sources` are the turns that it was learned from; `superseded_by` is the fact that is believed instead."""

    id: str
    topic: str
    text: str
    tags: list[str]
    sources: list[str]
    origin: Origin
    confidence: float
    valid_from: datetime
    valid_to: datetime | None = None
    recorded: datetime
    retired: datetime | None = None
    superseded_by: str | None = None

    @property
    def source(self) -> Source:
        told = {"user": "", "assistant": " (concluded)", "tool": " (from a tool, not from the user)"}[self.origin]
        until = f" until {self.valid_to:%d %B %Y}" if self.valid_to else ""
        return Source(
            id=self.id,
            kind="passage",
            title=f"memory{told}",
            locator=f"since {self.valid_from:%d %B %Y}{until}; from {', '.join(self.sources) or 'no turn'}",
            text=self.text,
        )


class Outcome(BaseModel):
    """What keeping a fact did: `other` is the fact it repeated, replaced, or came too late or untrusted to replace."""

    action: Literal["added", "duplicate", "superseded", "older", "untrusted"]
    fact: Fact
    other: Fact | None = None


class Archive:
    def __init__(self, file: Database, embedder: Embedder | None, index: VectorIndex | None = None) -> None:
        self._file = file
        self.vectors = Vectors(file, "facts", embedder, index)

    def insert(self, scope: Scope, new: New) -> Outcome:
        """Keep a fact unless it is known; one of the same topic that held before is superseded."""
        with self._file.transaction(scope) as database:
            return self.insert_in(database, scope, new)

    def insert_in(self, database: Connection, scope: Scope, new: New) -> Outcome:
        """Do what `insert` does inside a transaction that is open."""
        last = database.execute(f"SELECT max(recorded) AS recorded FROM facts WHERE {OWN}", scope.owner).fetchone()  # noqa: S608
        clock = now()
        moment = after(clock, last["recorded"])
        since = new.valid_from or moment
        place = "tenant = ? AND user = ? AND agent = ? AND project = ?"
        rows = database.execute(
            f"SELECT * FROM facts WHERE {place} AND topic = ? AND {ACTIVE} ORDER BY id",  # noqa: S608
            (*scope.place, new.topic),
        ).fetchall()
        for row in rows:
            if same(row["text"], new.text):
                known = _fact(row)
                sources = list(dict.fromkeys([*known.sources, *new.sources]))
                database.execute("UPDATE facts SET sources = ? WHERE id = ?", (json.dumps(sources), row["id"]))
                return Outcome(action="duplicate", fact=known.model_copy(update={"sources": sources}), other=known)
        other = rows[-1] if rows and new.topic else None
        until, action = None, "added"
        if other is not None:
            if other["valid_from"] > utc(clock) and abs(clock - since) < SKEW:  # the clock was set back: order counts
                since = after(since, other["valid_from"])
            news = new.said is not None and utc(new.said) >= other["valid_from"] and new.said - since <= NEWS
            older = utc(since) < other["valid_from"] and not news
            untrusted = TRUST[new.origin] < TRUST[other["origin"]]
            action = "untrusted" if untrusted else "older" if older else "superseded"
            until = other["valid_from"] if older else utc(since) if untrusted else None
        row = database.execute(
            "INSERT INTO facts(tenant, user, agent, project, ref, topic, text, tags, sources, origin, confidence,"
            " valid_from, valid_to, recorded) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
            (
                *scope.place, f"fact:{uuid.uuid4().hex[:12]}", clean(new.topic), clean(new.text), json.dumps(new.tags),
                json.dumps(new.sources), new.origin, new.confidence, utc(since), until, utc(moment),
            ),
        ).fetchone()  # fmt: skip
        if action == "superseded":
            database.executemany(
                "UPDATE facts SET retired = ?, valid_to = ?, superseded_by = ? WHERE id = ?",
                [(utc(moment), max(utc(since), old["valid_from"]), row["ref"], old["id"]) for old in rows],
            )
        return Outcome(action=action, fact=_fact(row), other=_fact(other) if other else None)

    def supersede(self, scope: Scope, id: str, new: New, *, also: Sequence[str] = ()) -> Outcome:  # noqa: A002
        """Replace a fact, and `also` others that the new one contradicts, by one under the first's topic.

        The old ones stay readable with the time they held until.
        """
        old = self.get(scope, id)
        if old.retired is not None or old.valid_to is not None:
            raise UserError(f"{id} holds no more.", next_step=f"Supersede {old.superseded_by or 'the present fact'}.")
        topic = old.topic or old.id
        others = [self.get(scope, other).id for other in also]
        with self._file.transaction(scope) as database:
            for ref in (id, *others):
                database.execute("UPDATE facts SET topic = ? WHERE ref = ?", (topic, ref))
            return self.insert_in(database, scope, new.model_copy(update={"topic": topic}))

    def get(self, scope: Scope, id: str) -> Fact:  # noqa: A002
        row = self._file.one(f"SELECT * FROM facts WHERE {SEEN} AND ref = ?", *scope.place, id)  # noqa: S608
        if row is None:
            raise UserError(f"There is no fact {id!r}.", next_step="Use an id that a search returned.")
        return _fact(row)

    def facts(self, scope: Scope, *, limit: int = 1000, history: bool = False, tag: str = "") -> list[Fact]:
        """Return what is believed now, newest first; with `history` also what was, with `tag` only what carries it."""
        only = "" if history else f" AND {ACTIVE}"
        carries = [f"%{_escaped(json.dumps(tag))}%"] if tag else []
        only += " AND tags LIKE ? ESCAPE '!'" if tag else ""
        rows = self._file.rows(
            f"SELECT * FROM facts WHERE {SEEN}{only} ORDER BY valid_from DESC, id DESC LIMIT ?",  # noqa: S608
            *scope.place, *carries, limit,
        )  # fmt: skip
        return [fact for fact in map(_fact, rows) if not tag or tag in fact.tags]

    def believed(self, scope: Scope, at: datetime) -> list[Fact]:
        """Return what was believed at a time, as it was believed then: a later correction is not yet known."""
        rows = self._file.rows(
            f"SELECT * FROM facts WHERE {SEEN} AND recorded <= ? AND (retired IS NULL OR retired > ?)"  # noqa: S608
            " AND (retired IS NOT NULL OR valid_to IS NULL) ORDER BY valid_from DESC, id DESC",
            *scope.place, utc(at), utc(at),
        )  # fmt: skip
        return [_fact(row).model_copy(update={"valid_to": None, "superseded_by": None}) for row in rows]

    def held(self, scope: Scope, at: datetime) -> list[Fact]:
        """Return what, as far as is known now, was so at a time."""
        rows = self._file.rows(
            f"SELECT * FROM facts WHERE {SEEN} AND valid_from <= ? AND (valid_to IS NULL OR valid_to > ?)"  # noqa: S608
            " ORDER BY valid_from DESC, id DESC",
            *scope.place, utc(at), utc(at),
        )  # fmt: skip
        return [_fact(row) for row in rows]

    def search(
        self, scope: Scope, question: str, *, limit: int = 10, history: bool = False
    ) -> list[tuple[Fact, float]]:
        """Return facts and their relevance, best first; with `history` also those that hold no more."""
        found, words, meaning = self._found(scope, question, history=history)
        scores = fused(words, meaning)
        return [(_fact(found[entry]), round(scores[entry], 4)) for entry in best(scores, limit)]

    def near(self, scope: Scope, question: str, *, limit: int = 10) -> list[tuple[Fact, float]]:
        """Return what is believed now, best first, with its cosine to the question (0 where it has no vector yet)."""
        found, words, meaning = self._found(scope, question, history=False)
        return [(_fact(found[entry]), meaning.get(entry, 0.0)) for entry in best(fused(words, meaning), limit)]

    def _found(
        self, scope: Scope, question: str, *, history: bool
    ) -> tuple[dict[int, Row], dict[int, float], dict[int, float]]:
        """Return the rows that words or meaning find, and both scores for them."""
        only = "" if history else f" AND {ACTIVE}"
        self.vectors.catch_up(scope, most=FILLED_IN)
        words = self._file.by_words("facts", question, scope, only, (), DEPTH)
        meaning: dict[int, float] = {}
        if (vector := self.vectors.of_question(question)) is not None:
            meaning = self.vectors.nearest(scope, vector, DEPTH)
        ids = [*words.keys() | meaning.keys()] or [-1]  # an empty list is no SQL everywhere
        rows = self._file.rows(
            f"SELECT * FROM facts WHERE {SEEN}{only} AND id IN ({placeholders(ids)})",  # noqa: S608
            *scope.place, *ids,
        )  # fmt: skip
        found = {int(row["id"]): row for row in rows}
        kept = [{entry: score for entry, score in scores.items() if entry in found} for scores in (words, meaning)]
        return found, kept[0], kept[1]


def _escaped(text: str) -> str:
    return re.sub(r"([!%_])", r"!\1", text)


_LETTERS = re.compile(r"[^\w]+")


def same(one: str, other: str) -> bool:
    """Whether two texts say the same but for case, punctuation and spaces."""
    return _LETTERS.sub(" ", one).casefold().split() == _LETTERS.sub(" ", other).casefold().split()


def _fact(row: Row) -> Fact:
    values = {name: row[name] for name in Fact.model_fields if name not in ("id", "tags", "sources")}
    return Fact(id=row["ref"], tags=json.loads(row["tags"]), sources=json.loads(row["sources"]), **values)
