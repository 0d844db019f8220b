"""Which of several written queries to believe: those whose rows agree, and whose SQL shows what the question says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lyceum.tables import Cell

DOUBT = 1.5  # votes that one unmet demand of the question outweighs
BELIEVED = 2.5  # votes less doubts, of five, below which nothing is answered

Rows = Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Candidate:
    """A query that ran: how many samples wrote it, its rows, and what the question says that it does not show."""

    sql: str
    votes: int
    rows: Rows
    doubts: Sequence[str] = ()


@dataclass(frozen=True)
class Choice:
    """The most believed query; `votes` of queries with the same rows; `support` is votes less doubts."""

    candidate: Candidate
    votes: int
    support: float


def choose(candidates: Sequence[Candidate]) -> Choice | None:
    """Gather the queries that gave the same rows (in any order of rows and columns) and return the best-supported.

    Self-consistency over executions, as in arXiv:2308.15363, with the doubts of `check` against it.
    """
    groups: dict[tuple[str, ...], list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(_same(candidate.rows), []).append(candidate)
    choices = [_believed(group) for group in groups.values()]
    return max(choices, key=lambda choice: choice.support, default=None)


def _believed(group: Sequence[Candidate]) -> Choice:
    best = min(group, key=lambda each: (len(each.doubts), -each.votes))
    votes = sum(each.votes for each in group)
    return Choice(best, votes, votes - DOUBT * len(best.doubts))


def _same(rows: Rows) -> tuple[str, ...]:
    return tuple(sorted(repr(sorted(map(repr, row))) for row in rows))
