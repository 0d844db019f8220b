"""Which known fact a new sentence contradicts: the nearest one that is about the same people and things.

Nothing is superseded on this evidence alone: it is shown to whoever writes, who says which fact the new one replaces.
"""

from __future__ import annotations

import re

from memory.answers import coverage
from memory.archive import Archive, Fact
from memory.scope import Scope
from models.offline.skill import content_words

LOOKED_AT = 5
NEAR = 0.35  # share of the new sentence's words that a rival carries
_NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z]\w+|^[A-Z]\w+ [A-Z]\w+|\b\d[\d.,]*\b")


def rival(archive: Archive, scope: Scope, text: str) -> Fact | None:
    """Return the fact that a sentence is most likely to contradict or to repeat in other words; None where none is."""
    words, names = content_words(text), set(_NAME.findall(text))
    best: tuple[float, Fact] | None = None
    for fact, cosine in archive.near(scope, text, limit=LOOKED_AT):
        shared = coverage(words, fact.text)
        meant = not names or any(name in fact.text for name in names)
        if shared >= NEAR and meant and (best is None or cosine + shared > best[0]):
            best = (cosine + shared, fact)
    return best[1] if best else None
