"""A text's words as they are indexed: no case, no accents, English stems, pairs of characters where no space stands.

Stems are those of SQLite's Porter tokenizer (Porter 1980), asked once a word. Scripts that are written without spaces
(Chinese, Japanese, Thai, Lao, Khmer, Burmese), and Korean, whose endings grow on its words, become overlapping pairs of
characters: no dictionary, and a query's pairs meet a text's wherever the same characters stand side by side.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from models.offline.skill import FUNCTION_WORDS

# Beside the function words of questions: those of prose, which expansion by feedback must not pick up.
STOP_WORDS = FUNCTION_WORDS | frozenset(
    """
    above after again against because before below both cannot down during each few further he her here hers him his
    itself may might must nor off once only other ours out over own same she theirs through too under until up upon very
    within without yours
    """.split()
)
MOST_STEMS = 1_000_000  # words kept; a longer list is begun anew
_ASCII = re.compile(r"[a-z0-9]+")
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
)


@lru_cache(maxsize=1)
def _token() -> re.Pattern[str]:
    """Words with the marks that belong to them: Python's own words break at the vowel signs of Indic scripts."""
    marks = "".join(chr(code) for code in range(0x300, 0xFE30) if unicodedata.category(chr(code))[0] == "M")
    return re.compile(rf"([{_UNSPACED}]+)|((?:[^\W_{_UNSPACED}]|[{marks}])+)")


def words(text: str) -> list[str]:
    """Return the words in order, in lower case and without accents; runs of unspaced script as pairs of characters."""
    folded = text.lower() if text.isascii() else _folded(text)
    found: list[str] = []
    for match in _token().finditer(folded):
        run = match[1]
        if run is None:
            found.append(match[2])
        elif len(run) == 1:
            found.append(run)
        else:
            found += [run[place : place + 2] for place in range(len(run) - 1)]
    return found


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(character for character in decomposed if not "\u0300" <= character <= "\u036f")
    return unicodedata.normalize("NFKC", plain).lower()


class _Stemmer:
    """SQLite's Porter stemmer behind a dictionary; its FTS5 table holds the new words of one call only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: dict[str, int] = {}
        self._database: sqlite3.Connection | None = None

    def ids(self, found: Sequence[str]) -> list[int]:
        known = self._ids
        new = {word for word in found if word not in known}
        if new:
            with self._lock:
                known = self._learn(new - self._ids.keys(), found)
        return [known[word] for word in found]

    def _learn(self, new: set[str], found: Sequence[str]) -> dict[str, int]:
        if len(self._ids) > MOST_STEMS:
            self._ids = {}  # whoever reads the old one goes on with it
            new = new | set(found)
        asked = [word for word in new if _ASCII.fullmatch(word)]
        stems = dict(zip(asked, self._stemmed(asked), strict=True))
        self._ids.update({word: zlib.crc32(stems.get(word, word).encode("utf-8", "replace")) for word in new})
        return self._ids

    def _stemmed(self, asked: Sequence[str]) -> list[str]:
        if self._database is None:
            self._database = sqlite3.connect(":memory:", check_same_thread=False)
            self._database.execute("CREATE VIRTUAL TABLE asked USING fts5(word, tokenize='porter ascii')")
            self._database.execute("CREATE VIRTUAL TABLE stems USING fts5vocab(asked, instance)")
        self._database.execute("DELETE FROM asked")
        self._database.executemany("INSERT INTO asked(rowid, word) VALUES (?, ?)", enumerate(asked))
        return [str(term) for (term,) in self._database.execute("SELECT term FROM stems ORDER BY doc")]


_STEMMER = _Stemmer()


def term_ids(found: Sequence[str]) -> list[int]:
    """Return a number a word, the CRC-32 of its stem: two terms in 100,000 share one, which no ranking notices."""
    return _STEMMER.ids(found)


def bag(text: str) -> Counter[int]:
    """Return how often each term stands in a text."""
    return Counter(term_ids(words(text)))


def bags(texts: Sequence[str]) -> list[Counter[int]]:
    """Return the bag of every text; the stemmer is asked once for all of them."""
    found = [words(text) for text in texts]
    term_ids([word for each in found for word in each])
    return [Counter(term_ids(each)) for each in found]


def asked(question: str) -> Counter[int]:
    """Return the terms of a question that carry its topic, as often as it says them; all where none does."""
    found = words(question)
    topical = [word for word in found if word not in STOP_WORDS and (len(word) > 1 or not word.isascii())]
    return Counter(term_ids(topical or found))


@lru_cache(maxsize=1)
def unspecific() -> frozenset[int]:
    """Return the terms that never say what a text is about: stop words and single characters."""
    single: Iterable[str] = (chr(code) for code in range(ord("0"), ord("z") + 1))
    return frozenset(term_ids([*STOP_WORDS, *(character for character in single if character.isalnum())]))
