"""Which of several written queries to believe: those whose rows agree, and whose SQL shows what the question says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lyceum.tables import Cell

DOUBT = 1.5  # votes that one unmet demand of the question outweighs
UNFOUNDED = 7.0  # votes that a made-up constant or a word passed over outweighs: all of them
_MORE = 2  # columns
BELIEVED = 2.5  # votes less doubts, of five, below which nothing is answered

Rows = Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Candidate:
    """A query that ran: how many samples wrote it, its rows, and what the question says that it does not show."""

    sql: str
    votes: int
    rows: Rows
    doubts: Sequence[str] = ()
    unfounded: Sequence[str] = ()


@dataclass(frozen=True)
class Choice:
    """The most believed query; `votes` of queries with the same rows; `support` is votes less doubts."""

    candidate: Candidate
    votes: int
    support: float


def choose(candidates: Sequence[Candidate]) -> Choice | None:
    """Gather the queries that gave the same rows (in any order of rows and columns) and return the best-supported.

    Rows that say the same and a figure or two more have the votes of both. Self-consistency over executions, as in
    arXiv:2308.15363, with the doubts of `check` and what `grounds` finds against it.
    """
    groups: list[list[Candidate]] = []
    for candidate in candidates:
        known = next((group for group in groups if _columns_more(candidate.rows, group[0].rows) == 0), None)
        if known is None:
            groups.append(known := [])
        known.append(candidate)
    choices = [_believed(group, groups) for group in groups]
    return max(choices, key=lambda choice: choice.support, default=None)


def _believed(group: Sequence[Candidate], groups: Sequence[Sequence[Candidate]]) -> Choice:
    best = min(group, key=lambda each: (_against(each), -each.votes))
    said = [other for other in groups if 0 <= _columns_more(best.rows, other[0].rows) <= _MORE]
    votes = sum(each.votes for other in said for each in other)
    return Choice(best, votes, votes - _against(best))


def _against(candidate: Candidate) -> float:
    return DOUBT * len(candidate.doubts) + UNFOUNDED * len(candidate.unfounded)


def _columns_more(rows: Rows, others: Rows) -> int:
    """How many columns rows have beyond those of other rows that they hold, whatever the order; -1: they do not."""
    if len(rows) != len(others):
        return -1
    if not rows:
        return 0
    bags = [sorted(map(repr, column)) for column in zip(*rows, strict=True)]
    places: list[int] = []
    for column in zip(*others, strict=True):
        bag = sorted(map(repr, column))
        place = next((at for at, each in enumerate(bags) if each == bag and at not in places), None)
        if place is None:
            return -1
        places.append(place)
    held = sorted(repr([row[place] for place in places]) for row in rows)
    return len(bags) - len(places) if held == sorted(repr(list(row)) for row in others) else -1
