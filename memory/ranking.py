"""How remembered texts are ranked: words (BM25), meaning (cosine) and what kind of turn it is, in one sum.

The weights were chosen on LoCoMo and checked by leaving one conversation out: `python -m benchmarks.memory_locomo`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.hybrid import terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DEPTH = 200  # how far down each ranking is looked at
LONG = 40  # words from which a turn counts as long
_WHEN = re.compile(r"\b(?:when|what (?:date|day|month|year|time)|how long ago|since when)\b", re.IGNORECASE)
_OWN = re.compile(r"\b(?:i|i'm|i've|me|my|mine|we|us|our)\b", re.IGNORECASE)
_DATED = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|last|next|this (?:week|month|year|morning|weekend)|(?:mon|tues|wednes|"
    r"thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september|october|november|december|"
    r"\d{4}|weekend|recently|just)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Weights:
    """What each signal is worth; words and meaning are divided by the best score of the search, so they end at 1.

    `before`, `earlier` and `after` are the share that a turn inherits of the relevance of the turn before it, of the
    one two before and of the next: an answer rarely repeats the words of what was asked. `thread` is the share of the
    best turn of its conversation. `dated` is for turns that name a time when the question asks for one, `speaker` for
    turns of someone whom the question names, `question` for turns that only ask, `length` for `LONG` words or more.
    """

    words: float = 1.0
    meaning: float = 0.75
    before: float = 0.3
    earlier: float = 0.2
    after: float = 0.2
    thread: float = 0.6
    dated: float = 0.6
    speaker: float = 0.4
    question: float = -0.3
    length: float = 0.6


@dataclass(frozen=True)
class Candidate:
    """A turn that may answer: its place in its conversation, what was said, BM25 and cosine (0 where not near)."""

    id: int
    thread: str
    number: int
    speaker: str
    own: bool  # the user's own words
    text: str
    words: float = 0.0
    meaning: float = 0.0


class Signals:
    """What is known about the candidates for one question, as arrays with one entry a candidate."""

    def __init__(self, question: str, candidates: Sequence[Candidate]) -> None:
        import numpy as np

        self.ids = [each.id for each in candidates]
        self.cosines = {each.id: each.meaning for each in candidates}
        self._words = _of_best(np.array([each.words for each in candidates], dtype=np.float64))
        self._meaning = _of_best(np.array([each.meaning for each in candidates], dtype=np.float64))
        place = {(each.thread, each.number): row for row, each in enumerate(candidates)}
        self._near = {
            name: np.array([place.get((each.thread, each.number + step), -1) for each in candidates], dtype=np.int64)
            for name, step in (("before", -1), ("earlier", -2), ("after", 1))
        }
        threads = {name: number for number, name in enumerate(dict.fromkeys(each.thread for each in candidates))}
        self._thread = np.array([threads[each.thread] for each in candidates], dtype=np.int64)
        when, said = asks_when(question), names_people(question)
        own = _OWN.search(question) is not None
        self._kinds = {
            "dated": [when and names_a_time(each.text) for each in candidates],
            "speaker": [each.speaker.lower() in said or (own and each.own) for each in candidates],
            "question": [each.text.rstrip().endswith("?") for each in candidates],
            "length": [min(len(each.text[:1000].split()), LONG) / LONG for each in candidates],
        }
        self._kinds = {name: np.array(values, dtype=np.float64) for name, values in self._kinds.items()}

    def scores(self, weights: Weights) -> Floats:
        """Return the relevance of every candidate, float64 (n,)."""
        import numpy as np

        own = weights.words * self._words + weights.meaning * self._meaning
        padded = np.append(own, 0.0)  # row -1 stands for a neighbour that is no candidate
        total = own.copy()
        for name, rows in self._near.items():
            total += getattr(weights, name) * padded[rows]
        for name, values in self._kinds.items():
            total += getattr(weights, name) * values
        if weights.thread and len(own):
            best = np.full(int(self._thread.max()) + 1, -np.inf)
            np.maximum.at(best, self._thread, total)
            total += weights.thread * best[self._thread]
        return total


def _of_best(scores: Floats) -> Floats:
    best = float(scores.max()) if len(scores) else 0.0
    return scores.clip(min=0.0) / best if best > 0 else scores * 0.0


def asks_when(question: str) -> bool:
    return _WHEN.search(question) is not None


def names_a_time(text: str) -> bool:
    return _DATED.search(text) is not None


def names_people(question: str) -> frozenset[str]:
    """Return the words of a question in lower case: a speaker whose name is among them is meant."""
    return frozenset(re.findall(r"\w+", question.lower()))


def expression(question: str) -> str:
    """Return an FTS5 expression of the question's topical words; quoting makes every word a string."""
    return " OR ".join('"' + word.replace('"', " ") + '"' for word in terms(question))


def fused(words: Mapping[int, float], meaning: Mapping[int, float]) -> dict[int, float]:
    """Return relevance by words and meaning alone, each as a share of its best: 0 to 2."""
    most = [max((*scores.values(), 1e-9)) for scores in (words, meaning)]
    return {
        entry: max(words.get(entry, 0.0), 0.0) / most[0] + max(meaning.get(entry, 0.0), 0.0) / most[1]
        for entry in words.keys() | meaning.keys()
    }


def best(scores: Mapping[int, float], limit: int) -> list[int]:
    return sorted(scores, key=lambda entry: (-scores[entry], entry))[:limit]


def by_meaning(
    ids: Sequence[int] | NDArray[np.int64], vectors: NDArray[np.float32], question: NDArray[np.float32], depth: int
) -> dict[int, float]:
    """Return the cosine of the `depth` nearest rows; vectors are float32 (n, d) of length one."""
    import numpy as np

    if not len(ids):
        return {}
    cosines = vectors @ question
    nearest = np.argpartition(-cosines, min(depth, len(ids)) - 1)[:depth]
    return {int(ids[int(row)]): float(cosines[row]) for row in nearest}
