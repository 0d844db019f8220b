"""What says a question's words in a SQLite memory, ranked by BM25 in bounded time however often the words were said.

BM25 costs about a microsecond for every text that says one of the words. Where that are more than `RANKED`, those are
ranked that say a rare word or two of the common ones: what says one common word alone ends far down anyway.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from memory.ranking import expression
from memory.scope import SEEN, Scope
from memory.sql import Kind, Row
from models.hybrid import terms

RANKED = 30_000  # texts that are ranked whatever they say
RARE = 10_000  # texts that say a rare word, or the newest with the only word that is asked for
Rows = Callable[..., list[Row]]


def by_words(
    rows: Rows, kind: Kind, question: str, scope: Scope, where: str, values: Sequence[object], depth: int
) -> dict[int, float]:
    """Return BM25 by row id of the `depth` best that the scope sees; `where` narrows by columns of the table `t`."""
    wanted = expression(question) if question.strip() else ""
    if not wanted:
        return {}
    found: list[Row] = []
    index = f"{kind}_words"
    if (rows(f"SELECT max(id) AS last FROM {kind}")[0]["last"] or 0) > RANKED:  # noqa: S608 - our own names
        among, newest = _among(rows, index, terms(question))
        if among:
            # The plus keeps SQLite from asking the index once for every row.
            found = rows(
                f"SELECT t.id, w.score FROM (SELECT rowid, bm25({index}) AS score FROM {index}"  # noqa: S608
                f" WHERE {index} MATCH ? AND +rowid IN (SELECT rowid FROM {index} WHERE {index} MATCH ?"
                f" ORDER BY rowid DESC LIMIT ?) ORDER BY score LIMIT ?) w CROSS JOIN {kind} t ON t.id = w.rowid"
                f" WHERE {SEEN}{where} ORDER BY w.score LIMIT ?",
                wanted, among, newest, 2 * depth, *scope.place, *values, depth,
            )  # fmt: skip
    if len(found) < depth:  # also where others said these words more often than whoever asks
        found = rows(
            f"SELECT t.id, {index}.rank AS score FROM {index} JOIN {kind} t ON t.id = {index}.rowid"  # noqa: S608
            f" WHERE {index} MATCH ? AND {SEEN}{where} ORDER BY {index}.rank LIMIT ?",
            wanted, *scope.place, *values, depth,
        )  # fmt: skip
    return {int(row["id"]): -float(row["score"]) for row in found}  # FTS5 ranks better matches lower


def _among(rows: Rows, index: str, words: Sequence[str]) -> tuple[str, int]:
    """Return an expression for the texts worth ranking, and how many of the newest; empty where all of them are."""
    quoted = {word: expression(word) for word in words if expression(word)}
    count = f"SELECT count(*) AS n FROM {index} WHERE {index} MATCH ?"  # noqa: S608 - our own name
    said = {word: int(rows(count, wanted)[0]["n"]) for word, wanted in quoted.items()}
    if sum(said.values()) <= RANKED:
        return "", 0
    order = sorted(said, key=lambda word: said[word])
    sums = list(itertools.accumulate(said[word] for word in order))
    rare = [word for word, total in zip(order, sums, strict=True) if total <= RARE]
    if not rare:
        return quoted[order[0]], RARE
    common = [word for word in order if word not in rare]
    both = [f"({quoted[one]} AND {quoted[other]})" for one, other in itertools.combinations(common[:3], 2)]
    return " OR ".join([*(quoted[word] for word in rare), *both]), RANKED
