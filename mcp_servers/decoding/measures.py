"""Measures of what was written: overlap with a reference (ROUGE, Lin 2004), variety, repetition."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def rouge_n(text: str, reference: str, n: int) -> float:
    """Return the F1 of shared n-grams of words, 0 to 1."""
    ours, theirs = _grams(words(text), n), _grams(words(reference), n)
    return _f1((ours & theirs).total(), ours.total(), theirs.total())


def rouge_l(text: str, reference: str) -> float:
    """Return the F1 of the longest common subsequence of words, 0 to 1."""
    ours, theirs = words(text), words(reference)
    lengths = [0] * (len(theirs) + 1)
    for word in ours:
        diagonal = 0
        for place, other in enumerate(theirs, 1):
            diagonal, lengths[place] = (
                lengths[place],
                diagonal + 1 if word == other else max(lengths[place], lengths[place - 1]),
            )
    return _f1(lengths[-1], len(ours), len(theirs))


def distinct(text: str, n: int) -> float:
    """Return the share of different n-grams, 1 where none stands twice (Li et al. 2016)."""
    grams = _grams(words(text), n)
    return len(grams) / grams.total() if grams else 1.0


def repeated(text: str) -> float:
    """Return the share of words that continue a pair which stood before: what loops sound like."""
    pairs = list(pairwise(words(text)))
    return 1 - len(set(pairs)) / len(pairs) if pairs else 0.0


def _grams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[place : place + n]) for place in range(len(tokens) - n + 1))


def _f1(shared: int, ours: int, theirs: int) -> float:
    return 2 * shared / (ours + theirs) if ours + theirs else 0.0
