"""Hybrid search over a small corpus: BM25 from SQLite's FTS5 and exact cosine, fused by reciprocal rank.

Every entry has a title, a heading and a body. Words are stemmed (Porter) and stripped of accents; function words of
a question are left out, because they match everywhere and say nothing.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.offline.skill import FUNCTION_WORDS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TERM = re.compile(r"[^\W_]+")
LONGEST_QUERY = 40  # terms; a pasted page is searched by its first ones
DEPTH = 100  # how far down each ranking fusion looks
PRIOR = 50  # entries that a small corpus is imagined to stand among, so that its missing words do not decide alone
RRF_K = 60  # Cormack, Clarke and Buettcher, SIGIR 2009
CONFIDENT = 0.5  # from this confidence on an agent should answer rather than decline

Entry = tuple[int, str, str, str]  # id, title, heading, body


@dataclass(frozen=True)
class Weights:
    """What a match is worth in each field for BM25, and what the rankings are worth in fusion."""

    title: float = 1.0
    heading: float = 2.0
    body: float = 1.0
    lexical: float = 1.0
    semantic: float = 1.0


@dataclass(frozen=True)
class Hit:
    """`cosine`, and `coverage`: the share (0 to 1) of the question's information that the entry's words carry."""

    id: int
    score: float
    cosine: float | None
    coverage: float

    @property
    def confidence(self) -> float:
        """How likely the entry answers the question, 0 to 1: logistic in coverage and, where it is known, cosine.

        Set on the development questions in tests/fixtures/company: of 30 with an answer all, and of 15 without one
        one, come out above one half. By words alone it is 25 and none.
        """
        margin = 8.0 * self.coverage - 3.5 if self.cosine is None else 6.0 * self.cosine + 4.0 * self.coverage - 3.7
        return 1 / (1 + math.exp(-margin))


def terms(text: str) -> list[str]:
    """Return the words of a question that carry its topic; all of them where none does."""
    words = list(dict.fromkeys(word.lower() for word in _TERM.findall(text)))
    topical = [word for word in words if word not in FUNCTION_WORDS and len(word) > 1]
    return (topical or words)[:LONGEST_QUERY]


def create_word_index(connection: sqlite3.Connection) -> None:
    """Create the full-text index; it keeps no copy of the text, so `remove_words` needs the entry as it was added."""
    connection.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS words USING"
        " fts5(title, heading, body, content='', tokenize='porter unicode61 remove_diacritics 2')"
    )


def add_words(connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    connection.executemany("INSERT INTO words (rowid, title, heading, body) VALUES (?, ?, ?, ?)", entries)


def remove_words(connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    connection.executemany(
        "INSERT INTO words (words, rowid, title, heading, body) VALUES ('delete', ?, ?, ?, ?)", entries
    )


def fuse(rankings: Sequence[tuple[float, Sequence[int]]]) -> dict[int, float]:
    """Return each id's reciprocal rank score over (weight, ids from best to worst)."""
    scores: dict[int, float] = {}
    for weight, ids in rankings:
        for rank, entry in enumerate(ids, 1):
            scores[entry] = scores.get(entry, 0.0) + weight / (RRF_K + rank)
    return scores


class HybridIndex:
    """Searches the word index of `connection` beside `vectors`: float32 (n, d), normalised, row by row for `ids`."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        ids: Sequence[int],
        vectors: NDArray[np.float32],
        weights: Weights | None = None,
        depth: int = DEPTH,
    ) -> None:
        self._connection = connection
        self._ids = ids
        self._row = {entry: row for row, entry in enumerate(ids)}
        self._vectors = vectors
        self._weights = weights or Weights()
        self._depth = depth

    def search(
        self,
        question: str,
        vector: NDArray[np.float32] | None,
        limit: int,
        *,
        synonyms: Mapping[str, Sequence[str]] | None = None,
    ) -> list[Hit]:
        """Return the best entries, best first; by words alone where there is no `vector` of the question.

        `synonyms` maps a term to other names, phrases included.
        """
        if not self._ids:
            return []
        wanted = {term: [term, *(synonyms or {}).get(term, ())] for term in terms(question)}
        rankings = [(self._weights.lexical, self._lexical(wanted))]
        cosines = None if vector is None else self._vectors @ vector
        if cosines is not None:
            nearest = [self._ids[int(row)] for row in (-cosines).argsort(kind="stable")[: self._depth]]
            rankings.append((self._weights.semantic, nearest))
        scores = fuse(rankings)
        best = sorted(scores, key=lambda entry: (-scores[entry], entry))[:limit]
        coverage = self._coverage(wanted, best)
        near = {entry: None if cosines is None else float(cosines[self._row[entry]]) for entry in best}
        return [Hit(entry, scores[entry], near[entry], coverage[entry]) for entry in best]

    def _lexical(self, wanted: Mapping[str, Sequence[str]]) -> list[int]:
        weights = (self._weights.title, self._weights.heading, self._weights.body)
        rows = self._connection.execute(
            "SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words, ?, ?, ?), rowid LIMIT ?",
            (_any_of(name for names in wanted.values() for name in names), *weights, self._depth),
        )
        return [int(entry) for (entry,) in rows if entry in self._row]

    def _coverage(self, wanted: Mapping[str, Sequence[str]], entries: Sequence[int]) -> dict[int, float]:
        held = dict.fromkeys(entries, 0.0)
        total = 0.0
        for names in wanted.values():
            rows = self._connection.execute("SELECT rowid FROM words WHERE words MATCH ?", (_any_of(names),))
            having = {int(entry) for (entry,) in rows}
            information = math.log((len(self._ids) + 2 * PRIOR) / (len(having) + PRIOR / 20))
            total += information
            for entry in having.intersection(entries):
                held[entry] += information
        return {entry: amount / total if total else 0.0 for entry, amount in held.items()}


def _any_of(names: Iterable[str]) -> str:
    """Return an FTS5 expression; quoting makes every name a string or phrase, never an operator."""
    return " OR ".join('"' + name.replace('"', " ") + '"' for name in dict.fromkeys(names))
