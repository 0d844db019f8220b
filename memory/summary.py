"""Summaries of what was said before the recent turns: one a thread, every line with the turn that it comes from.

Without a language model it is extractive (after Luhn 1958): the sentences whose words the conversation uses most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from pydantic import BaseModel

from memory.database import clean, now
from memory.extraction import suspicious
from memory.recall import Turn, turn_of
from memory.scope import OWN, Scope
from memory.sentences import SENTENCE
from memory.sql import Connection, Database
from models.offline.skill import content_words

RECENT = 20  # turns that need no summary: they are shown whole
LONGEST = 1500  # characters
LINE = 240  # characters of one line
WRITER = "rules"
Summarise = Callable[[str, Sequence[Turn]], str]


class Summary(BaseModel):
    """`upto` is the number of the last turn that it tells of."""

    thread: str
    upto: int
    text: str
    who: str
    at: datetime


class Summaries:
    def __init__(self, file: Database) -> None:
        self._file = file

    def get(self, scope: Scope, thread: str) -> Summary | None:
        row = self._file.one(f"SELECT * FROM summaries WHERE {OWN} AND thread = ?", *scope.owner, thread)  # noqa: S608
        return Summary.model_validate({name: row[name] for name in Summary.model_fields}) if row else None

    def due(self, scope: Scope, *, recent: int = RECENT) -> list[str]:
        """Return the threads that have turns which are neither recent nor in their summary."""
        rows = self._file.rows(
            "SELECT t.thread FROM turns t LEFT JOIN summaries s ON s.tenant = t.tenant AND s.user = t.user"
            " AND s.thread = t.thread WHERE t.tenant = ? AND t.user = ? GROUP BY t.thread"
            " HAVING max(t.number) - ? > coalesce(max(s.upto), 0) ORDER BY t.thread",
            *scope.owner, recent,
        )  # fmt: skip
        return [str(row["thread"]) for row in rows]

    def unread(self, scope: Scope, thread: str, *, recent: int = RECENT) -> list[Turn]:
        """Return the turns that a new summary has to take in, oldest first."""
        known = self.get(scope, thread)
        rows = self._file.rows(
            f"SELECT * FROM turns WHERE {OWN} AND thread = ? AND number > ? AND number <= "  # noqa: S608
            f"(SELECT max(number) FROM turns WHERE {OWN} AND thread = ?) - ? ORDER BY number",
            *scope.owner, thread, known.upto if known else 0, *scope.owner, thread, recent,
        )  # fmt: skip
        return [turn_of(row) for row in rows]

    def write(self, scope: Scope, thread: str, text: str, upto: int, who: str = WRITER) -> None:
        with self._file.transaction(scope) as database:
            self.write_in(database, scope, thread, text, upto, who)

    def write_in(
        self, database: Connection, scope: Scope, thread: str, text: str, upto: int, who: str = WRITER
    ) -> None:
        """Keep a summary unless one that reaches further was kept meanwhile."""
        database.execute(
            "INSERT INTO summaries(tenant, user, agent, project, thread, upto, text, who, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(tenant, user, thread) DO UPDATE SET"
            " upto = excluded.upto, text = excluded.text, who = excluded.who, at = excluded.at"
            " WHERE excluded.upto >= summaries.upto",
            (*scope.place, thread, upto, clean(text), clean(who), now().isoformat()),
        )


def extractive(before: str, turns: Sequence[Turn]) -> str:
    """Return the lines of an earlier summary and of new turns that say most, in order, each citing its turn."""
    lines = [line for line in before.splitlines() if line.strip()]
    for turn in turns:
        if turn.origin == "tool" or suspicious(turn.text):
            continue  # what a tool or an order says is nobody's news
        lines += [
            f"- {turn.speaker}, {turn.said:%-d %B %Y}: {sentence.strip()[:LINE]} [{turn.id}]"
            for sentence in SENTENCE.split(turn.text[:4000])
            if len(sentence.split()) > 3 and not sentence.endswith("?")
        ]
    words = [content_words(line.rpartition(" [")[0]) for line in lines]
    counts = Counter(word for each in words for word in set(each))
    worth = [sum(counts[word] - 1 for word in set(each)) / (len(set(each)) + 3) for each in words]
    kept: list[int] = []
    room = LONGEST
    for place in sorted(range(len(lines)), key=lambda place: (-worth[place], -place)):
        if len(lines[place]) + 1 <= room:
            kept.append(place)
            room -= len(lines[place]) + 1
    return "\n".join(lines[place] for place in sorted(kept))
