"""Which known facts a new sentence contradicts: those that begin alike, carry its words and are about the same people.

Who contradicts keeps how something is said and changes what: "has published on X", "has published on Y". Where two
facts are as near and neither is very near, none is named. Numbers were chosen on every other question of letta-evals'
core_memory_update and checked on the rest: `python -m benchmarks.memory_core`.

Nothing is superseded on this evidence alone: it is shown to whoever writes, who says which fact the new one replaces.
"""

from __future__ import annotations

import re

from memory.answers import coverage
from memory.archive import Archive, Fact
from memory.scope import Scope
from models.offline.skill import content_words

LOOKED_AT = 10
LEAST = 1.1  # below it a fact is about something else
TIED = 0.07  # of two so close one is a guess
MORE = 1.7  # from here on several may be contradicted at once, where they are within `BESIDE` of the best
BESIDE = 0.1
_NAME = re.compile(r"\b[A-Z][\w'’-]*")
_NO_NAME = frozenset("The A An In On At It He She They This Both His Her Their After Before During I My We Our".split())
_WORD = re.compile(r"\w+")


def rivals(archive: Archive, scope: Scope, text: str) -> list[Fact]:
    """Return the facts that a sentence is likely to contradict or to repeat in other words, likeliest first."""
    named = _names(text)
    ranked: list[tuple[float, int, Fact]] = []
    for place, (fact, cosine) in enumerate(archive.near(scope, text, limit=LOOKED_AT)):
        others = _names(fact.text)
        if named and others and not named & others:
            continue
        likeness = cosine + coverage(content_words(text), fact.text) + 0.3 * coverage(content_words(fact.text), text)
        ranked.append((likeness + 0.5 * _begins_alike(text, fact.text), place, fact))
    ranked.sort(key=lambda each: (-each[0], each[1]))
    if not ranked or ranked[0][0] < LEAST:
        return []
    best = ranked[0][0]
    if len(ranked) > 1 and best - ranked[1][0] < TIED and ranked[1][0] < MORE:
        return []
    return [ranked[0][2], *(fact for score, _, fact in ranked[1:] if score >= max(MORE, best - BESIDE))]


def rival(archive: Archive, scope: Scope, text: str) -> Fact | None:
    """Return the likeliest of `rivals`; None where there is none."""
    return next(iter(rivals(archive, scope, text)), None)


def _names(text: str) -> frozenset[str]:
    words = {word.removesuffix("'s").removesuffix("’s") for word in _NAME.findall(text)}
    return frozenset(words) - _NO_NAME


def _begins_alike(one: str, other: str) -> float:
    """Return how much of the shorter text both begin with, 0 to 1."""
    first, second = _WORD.findall(one.lower()), _WORD.findall(other.lower())
    same = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        same += 1
    return same / max(1, min(len(first), len(second)))
