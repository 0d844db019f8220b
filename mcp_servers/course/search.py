"""Search over the course by words and by meaning, and a confidence that knows when nothing was found.

Words are ranked by BM25F (Zaragoza et al. 2004), which saturates a term once over all fields of a section; meaning is
the closest line's cosine. Both are added, because words miss paraphrases and meaning misses names.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mcp_servers.course.meaning import Meaning
from mcp_servers.course.notes import Course, Section
from mcp_servers.course.words import asked, joined, names, terms

K1 = 1.2
FIELDS = {"title": (1.5, 0.3), "name": (3.0, 0.3), "questions": (2.0, 0.6), "text": (1.0, 0.6)}  # weight, length norm
EVERYDAY = 0.1  # weight of a word that no subject has, beside 1 for the others
ALIAS = 0.3  # weight of a word that only another name of a term has
UNHEARD = 0.6  # information of a word that the course never uses; a name that it never uses counts in full
GLOSSARY = 0.6  # a definition is short, so BM25 would put it above the section that explains
CLOSENESS = 3.0  # weight of a cosine, beside a best word score of 1
CONFIDENT = 0.65
NEAR = 0.75  # of the best score: a section that reaches it may be the answer too
# Logistic regression from `Evidence.features` to "the course answers this", over the development questions:
# python -m benchmarks.course_questions --fit
BY_WORDS = (-2.04, 3.23, 0.8, 2.25, 0.36, -1.03)
BY_WORDS_AND_MEANING = (-3.5, 2.96, 0.33, 1.82, -0.2, -1.12, 4.57)


@dataclass(frozen=True)
class Evidence:
    """What speaks for a section, each a share of the question's information but `strangers` and `closeness`."""

    held: float  # in the section
    about: float  # in its title or names
    sentence: float  # in one of its sentences
    named: float  # the section's name, in the question
    strangers: int  # names in the question that the course never mentions
    closeness: float | None  # cosine of the closest line; None where there is no search by meaning

    @property
    def features(self) -> tuple[float, ...]:
        shares = (self.held, self.about, self.sentence, self.named, float(self.strangers))
        return shares if self.closeness is None else (*shares, self.closeness)

    def confidence(self) -> float:
        """Return how likely the section answers, 0 to 1."""
        bias, *weights = BY_WORDS if self.closeness is None else BY_WORDS_AND_MEANING
        return 1 / (1 + math.exp(-bias - sum(w * x for w, x in zip(weights, self.features, strict=True))))


@dataclass(frozen=True)
class Hit:
    section: Section
    score: float
    evidence: Evidence

    @cached_property
    def confidence(self) -> float:
        return self.evidence.confidence()


class _Entry:
    """A section as the index sees it: its words by field, and by sentence."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.names = [frozenset(terms(name)) for name in section.names]
        fields = {
            "title": section.title if section.heading else "",
            "name": " / ".join(section.names),
            "questions": " / ".join(section.questions),
            "text": section.text,
        }
        self.counts = {field: Counter(terms(text)) for field, text in fields.items()}
        self.lengths = {field: counts.total() for field, counts in self.counts.items()}
        self.about = frozenset(self.counts["title"]) | frozenset(self.counts["name"])
        self.words = self.about | frozenset(self.counts["questions"]) | frozenset(self.counts["text"])
        parts = [*section.text.split(". "), *section.questions]
        self.sentences = [frozenset(terms(part)) for part in parts]


class Index:
    """Answers questions with sections, best first; without `meaning` by words alone."""

    def __init__(self, course: Course, meaning: Meaning | None = None) -> None:
        self._meaning = meaning
        self._entries = [_Entry(section) for section in course.sections]
        total = len(self._entries)
        self._means = {field: sum(e.lengths[field] for e in self._entries) / total or 1.0 for field in FIELDS}
        held = Counter(word for entry in self._entries for word in entry.words)
        self._idf = {word: math.log(1 + (total - n + 0.5) / (n + 0.5)) for word, n in held.items()}
        self._rarest = math.log(1 + total / 0.5)
        self._aliases = _aliases(course)

    def search(self, question: str, limit: int) -> list[Hit]:
        """Return up to `limit` sections with their evidence; nothing where no word and no meaning is shared."""
        query = _Query(self, question)
        words = [query.score(entry) for entry in self._entries]
        best = max(words) or 1.0
        scores = [score / best for score in words]
        close: list[float | None] = [None] * len(scores)
        if self._meaning is not None:
            for n, cosine in enumerate(self._meaning.closeness(question)):
                close[n] = float(cosine)
                scores[n] += CLOSENESS * float(cosine)
        order = sorted((n for n, score in enumerate(scores) if score > 0), key=lambda n: (-scores[n], n))
        entries = self._entries
        return [Hit(entries[n].section, scores[n], query.evidence(entries[n], close[n])) for n in order[:limit]]

    def known(self, word: str) -> bool:
        return word in self._idf

    def information(self, word: str, *, name: bool = False) -> float:
        """Return a word's inverse document frequency; what the course never uses is the rarest, a name most of all."""
        return self._idf.get(word, self._rarest * (1.0 if name else UNHEARD))

    def others(self, word: str) -> Sequence[tuple[str, ...]]:
        """Return the other names of the term that this word names, each as its words."""
        return self._aliases.get(word, ())

    def gain(self, entry: _Entry, word: str) -> float:
        """Return a word's BM25F score in a section."""
        weighted = 0.0
        for field, (weight, b) in FIELDS.items():
            if count := entry.counts[field][word]:
                weighted += weight * count / (1 - b + b * entry.lengths[field] / self._means[field])
        return self._idf[word] * weighted * (K1 + 1) / (weighted + K1) if weighted else 0.0


class _Query:
    """One question against an index."""

    def __init__(self, index: Index, question: str) -> None:
        self._index = index
        # The joined form of a compound counts only where the course joins it too.
        self._words = [word for word in asked(question) if index.known(word) or not joined(word, question)]
        looks_like_a_name = names(question)
        self._information = {word: index.information(word, name=word in looks_like_a_name) for word in self._words}
        self._total = sum(self._information.values()) or 1.0
        self._strangers = sum(word in looks_like_a_name and not index.known(word) for word in self._words)
        self._weights = dict.fromkeys(terms(question), EVERYDAY)
        self._weights |= {part: ALIAS for word in self._words for other in index.others(word) for part in other}
        self._weights |= dict.fromkeys(self._words, 1.0)

    def score(self, entry: _Entry) -> float:
        score = sum(weight * self._index.gain(entry, word) for word, weight in self._weights.items())
        if not score:
            return 0.0
        whole = 0.4 + self._share(entry.words)
        return score * whole * (1 + 0.3 * self._named(entry)) * (1.0 if entry.section.heading else GLOSSARY)

    def evidence(self, entry: _Entry, closeness: float | None) -> Evidence:
        sentence = max(map(self._share, entry.sentences))
        return Evidence(
            self._share(entry.words), self._share(entry.about), sentence, self._named(entry), self._strangers, closeness
        )

    def _share(self, words: frozenset[str]) -> float:
        """Return the share of the question's information that these words carry, under any name of a term."""
        return sum(amount for word, amount in self._information.items() if self._carried(word, words)) / self._total

    def _carried(self, word: str, words: frozenset[str]) -> bool:
        return word in words or any(words.issuperset(other) for other in self._index.others(word))

    def _named(self, entry: _Entry) -> float:
        """Return how much of the section's name, or of one of its names, stands in the question."""
        shares: list[float] = []
        for name in entry.names:
            total = sum(map(self._index.information, name))
            shares.append(
                sum(self._index.information(word) for word in name & self._information.keys()) / (total or 1.0)
            )
        return max(shares)


def leading(hits: Sequence[Hit]) -> int:
    """Return how many of the first hits are about as good as the best."""
    return sum(hit.score >= NEAR * hits[0].score for hit in hits)


def _aliases(course: Course) -> dict[str, list[tuple[str, ...]]]:
    """Map a one-word name of a term, an acronym mostly, to its other names, each as its words."""
    known: dict[str, list[tuple[str, ...]]] = {}
    for section in course.sections:
        spelled = [tuple(terms(name)) for name in section.names if not section.heading]
        for name in spelled:
            if len(name) == 1:
                known.setdefault(name[0], []).extend(other for other in spelled if other and other != name)
    return known
