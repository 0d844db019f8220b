"""Recall: the whole conversation log, turn by turn, searchable by words, meaning and time; every hit cites its turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field

from lyceum.errors import UserError
from lyceum.sources import Source
from memory.database import clean, now
from memory.ranking import DEPTH, Candidate, Signals, Weights, best, fused
from memory.scope import SEEN, Scope
from memory.sql import Connection, Database, Row
from memory.vectors import Vectors

if TYPE_CHECKING:
    from models.embeddings import Embedder

Origin = Literal["user", "assistant", "tool"]
QUOTED = 2000  # characters of a turn that a hit shows
BESIDE = 50  # turns whose neighbours are looked at too
SET_BACK = timedelta(days=1)  # a clock that was further ahead was wrong, and is not followed
FEW = 20_000  # turns that are compared one by one
_READ = "t.id, t.thread, t.number, t.speaker, t.origin, t.said, t.text"
FILLED_IN = 64  # turns that a search embeds before it looks; the rest is for `catch_up`


class Turn(BaseModel):
    """Something that was said. `origin` says who to trust: a tool's words are nobody's statement."""

    id: str
    thread: str
    number: int
    speaker: str
    origin: Origin
    said: datetime
    text: str

    @property
    def source(self) -> Source:
        return Source(
            id=self.id,
            kind="turn",
            title=f"{self.speaker}, {self.said:%d %B %Y %H:%M}",
            uri=f"thread:{self.thread}",
            locator=f"turn {self.number}" + (" (from a tool, not from the user)" if self.origin == "tool" else ""),
            text=self.text[:QUOTED],
        )


class Said(BaseModel):
    """A turn to be kept; `key` names it, so that a repeated write keeps it once."""

    text: str
    speaker: str = Field(default="user", max_length=200)
    origin: Origin = "user"
    said: datetime | None = None
    key: str | None = Field(default=None, max_length=200)


@dataclass(frozen=True)
class Filter:
    """Narrows a search; times are compared with when a turn was said."""

    speaker: str = ""
    thread: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def sql(self) -> tuple[str, list[str]]:
        parts = {
            "lower(t.speaker) = lower(?)": self.speaker,
            "t.thread = ?": self.thread,
            "t.said >= ?": utc(self.since) if self.since else "",
            "t.said <= ?": utc(self.until) if self.until else "",
        }
        wanted = {condition: value for condition, value in parts.items() if value}
        return "".join(f" AND {condition}" for condition in wanted), list(wanted.values())


class Hit(BaseModel):
    """A turn with its relevance (comparable within one search), its cosine and the turns around it."""

    turn: Turn
    score: float
    cosine: float = 0.0
    around: list[Turn] = []


class Recall:
    def __init__(self, file: Database, embedder: Embedder | None, weights: Weights | None = None) -> None:
        self._file = file
        self._weights = weights or Weights()
        self.vectors = Vectors(file, "turns", embedder)

    def add(self, scope: Scope, said: Iterable[Said]) -> list[Turn]:
        """Keep turns of the scope's thread, all or none; raises UserError where the scope names no thread."""
        if not scope.thread:
            raise UserError("A turn belongs to a thread.", next_step="Name the thread in the scope.")
        kept: list[Turn] = []
        with self._file.transaction(scope) as database:
            for each in said:
                known = self._known(database, scope, each.key)
                kept.append(turn_of(known or self._insert(database, scope, each)))
        return kept

    def search(
        self, scope: Scope, question: str, *, limit: int = 10, only: Filter | None = None, context: int = 0
    ) -> list[Hit]:
        """Return the turns that answer best, with `context` neighbours on either side."""
        signals, found = self.signals(scope, question, only=only)
        scores = dict(zip(signals.ids, signals.scores(self._weights).tolist(), strict=True))
        hits = [
            Hit(turn=turn_of(found[entry]), score=round(scores[entry], 4), cosine=round(signals.cosines[entry], 4))
            for entry in best(scores, limit)
        ]
        return [hit.model_copy(update={"around": self.around(scope, hit.turn, context)}) for hit in hits]

    def signals(self, scope: Scope, question: str, *, only: Filter | None = None) -> tuple[Signals, dict[int, Row]]:
        """Return what a search weighs: the turns near in words or meaning and those beside the nearest, with rows."""
        where, values = (only or Filter()).sql()
        self.vectors.catch_up(scope, most=FILLED_IN)
        words = self._file.by_words("turns", question, scope, where, values, DEPTH)
        meaning: dict[int, float] = {}
        if (vector := self.vectors.of_question(question)) is not None:
            meaning = self.vectors.nearest(scope, vector, DEPTH)
        rows = self._rows(scope, [*words.keys() | meaning.keys()], where, values)
        found = {int(row["id"]): row for row in rows}
        if vector is not None and len(meaning) == DEPTH and not meaning.keys() <= found.keys():
            # The nearest are not all seen from here: those that are, where they are few, are compared one by one.
            seen = self._seen(scope, where, values)
            if len(seen) <= FEW:
                meaning = self.vectors.among(scope, vector, seen, DEPTH)
                more = [entry for entry in meaning if entry not in found]
                found |= {int(row["id"]): row for row in self._rows(scope, more, where, values)}
        near = best({entry: score for entry, score in fused(words, meaning).items() if entry in found}, BESIDE)
        found |= {int(row["id"]): row for row in self._beside(scope, [found[entry] for entry in near], where, values)}
        candidates = [
            Candidate(
                entry, row["thread"], row["number"], row["speaker"], row["origin"] == "user", row["text"],
                words.get(entry, 0.0), meaning.get(entry, 0.0),
            )
            for entry, row in found.items()
        ]  # fmt: skip
        return Signals(question, candidates), found

    def latest(self, scope: Scope, limit: int = 20, only: Filter | None = None) -> list[Turn]:
        """Return the last turns said, oldest first."""
        where, values = (only or Filter()).sql()
        rows = self._file.rows(
            f"SELECT * FROM turns t WHERE {SEEN}{where} ORDER BY said DESC, id DESC LIMIT ?",  # noqa: S608
            *scope.place, *values, limit,
        )  # fmt: skip
        return [turn_of(row) for row in reversed(rows)]

    def get(self, scope: Scope, id: str) -> Turn:  # noqa: A002
        thread, _, number = id.removeprefix("turn:").rpartition("/")
        row = self._file.one(
            f"SELECT * FROM turns WHERE {SEEN} AND thread = ? AND number = ?",  # noqa: S608
            *scope.place, thread, int(number) if number.isdecimal() else -1,
        )  # fmt: skip
        if row is None:
            raise UserError(f"There is no turn {id!r}.", next_step="Use an id that a search returned.")
        return turn_of(row)

    def around(self, scope: Scope, turn: Turn, context: int) -> list[Turn]:
        if not context:
            return []
        rows = self._file.rows(
            f"SELECT * FROM turns WHERE {SEEN} AND thread = ? AND number BETWEEN ? AND ? AND number != ?"  # noqa: S608
            " ORDER BY number",
            *scope.place, turn.thread, turn.number - context, turn.number + context, turn.number,
        )  # fmt: skip
        return [turn_of(row) for row in rows]

    def _beside(self, scope: Scope, rows: list[Row], where: str, values: list[str]) -> list[Row]:
        places = {(row["thread"], row["number"] + step) for row in rows for step in (-1, 1, 2)}
        if not places:
            return []
        named, parts = at_places(scope, places)
        sql = f"SELECT {_READ} FROM ({named}) n CROSS JOIN turns t ON t.id = n.id WHERE {SEEN}{where}"  # noqa: S608
        return self._file.rows(sql, *parts, *scope.place, *values)

    def _rows(self, scope: Scope, ids: list[int], where: str, values: list[str]) -> list[Row]:
        if not ids:
            return []
        marks = ", ".join(["(?)"] * len(ids))
        # The join's order is fixed: by itself SQLite would read every turn of the owner.
        sql = f"SELECT {_READ} FROM (VALUES {marks}) n CROSS JOIN turns t ON t.id = n.column1 WHERE {SEEN}{where}"  # noqa: S608
        return self._file.rows(sql, *ids, *scope.place, *values)

    def _seen(self, scope: Scope, where: str, values: list[str]) -> list[int]:
        """Return the ids of what the scope sees, one more than `FEW` where it is more."""
        sql = f"SELECT t.id FROM turns t WHERE {SEEN}{where} LIMIT ?"  # noqa: S608
        return [int(row["id"]) for row in self._file.rows(sql, *scope.place, *values, FEW + 1)]

    def _known(self, database: Connection, scope: Scope, key: str | None) -> Row | None:
        sql = "SELECT * FROM turns WHERE tenant = ? AND user = ? AND thread = ? AND key = ?"
        return database.execute(sql, (*scope.owner, scope.thread, key)).fetchone() if key else None

    def _insert(self, database: Connection, scope: Scope, said: Said) -> Row:
        thread = (*scope.owner, scope.thread)
        last = database.execute(
            # Each alone, so that the end of an index answers it: a write must not read what was said before.
            "SELECT (SELECT max(number) FROM turns WHERE tenant = ? AND user = ? AND thread = ?) AS number,"
            # A number that was forgotten is not given again: a citation must not come to mean another turn.
            " (SELECT coalesce(max(last), 0) FROM forgotten WHERE tenant = ? AND user = ? AND thread = ?) AS forgotten,"
            " (SELECT max(recorded) FROM turns WHERE tenant = ? AND user = ?) AS recorded",
            (*thread, *thread, *scope.owner),
        ).fetchone()
        moment = now()
        recorded = after(moment, last["recorded"])
        live = recorded if recorded - moment < SET_BACK else moment
        return database.execute(
            "INSERT INTO turns(tenant, user, agent, project, thread, number, speaker, origin, said, recorded, text,"
            " key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
            (
                *scope.place, scope.thread, 1 + max(last["number"] or 0, last["forgotten"]), clean(said.speaker),
                said.origin, utc(said.said or live), utc(recorded), clean(said.text), said.key,
            ),
        ).fetchone()  # fmt: skip


def after(moment: datetime, last: str | None) -> datetime:
    """Return a time after `last`, as it is stored: what is recorded later is later, though the clock was set back."""
    known = datetime.fromisoformat(last) if last else moment
    return moment if last is None or known < moment else known + timedelta(microseconds=1)


def at_places(scope: Scope, places: Iterable[tuple[str, int]]) -> tuple[str, list[object]]:
    """Return SQL for the row ids at places (thread, number), and its values: found by index, one after the other."""
    wanted = list(places)
    pairs = ", ".join(["(?, ?)"] * len(wanted))
    sql = (
        f"SELECT p.id FROM (VALUES {pairs}) v CROSS JOIN turns p ON p.tenant = ? AND p.user = ?"  # noqa: S608
        " AND p.thread = v.column1 AND p.number = v.column2"
    )
    return sql, [*(part for place in wanted for part in place), *scope.owner]


def utc(moment: datetime) -> str:
    """Return a time as it is stored and compared; one without a zone is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="microseconds")


def turn_of(row: Row) -> Turn:
    return Turn(
        id=f"turn:{row['thread']}/{row['number']}",
        thread=row["thread"],
        number=row["number"],
        speaker=row["speaker"],
        origin=row["origin"],
        said=datetime.fromisoformat(row["said"]),
        text=row["text"],
    )
