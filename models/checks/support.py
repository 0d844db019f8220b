"""Whether passages support a claim, judged by words, numbers, names and meaning, without a language model.

Five measures of how much of a claim its passages carry become a probability by a logistic model whose weights were
fitted on WiCE's development claims (Kamoi et al. 2023, arXiv:2303.01432); benchmarks/claims.py fits and measures it.
It cannot follow an inference: a true claim in other words counts as less supported, a false one in the same words as
more.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel

from lyceum.errors import LyceumError
from models.analysis import term_ids, unspecific, words
from models.offline.extract import sentences

Label = Literal["supported", "partly", "unsupported"]

# Fitted by benchmarks/claims.py: weights of `measures`, then the intercept. The first tells supported claims from all
# others, the second unsupported ones from all others.
SUPPORTED = (0.9, 2.154, 0.9, 2.267, 1.507, -6.094)
UNSUPPORTED = (-2.617, -2.412, 0.607, -1.521, -2.136, 3.016)
LEAST = 0.5  # probability of support from which a claim counts as supported
MOST = 0.5  # probability of no support from which it counts as unsupported

NEAREST = 8  # sentences that are compared in meaning
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w'-]+")
_WORD = re.compile(r"\w[\w'-]*")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")  # of Markdown: a quote has its text only
_CLAUSE = re.compile(r"[,;:()]|\b(?:and|but|which|who|while|where|after|before|when)\b")


class Support(BaseModel):
    """`probability` is that of full support; `reason` names what no passage carries."""

    label: Label
    probability: float
    reason: str = ""


def check_support(claim: str, passages: Sequence[str]) -> Support:
    """Judge one claim; a claim that stands word for word in a passage is supported."""
    if any(_plain(claim) in _plain(passage) for passage in passages) and claim.strip():
        return Support(label="supported", probability=1.0)
    measured = measures(claim, passages)
    probability = _probability(SUPPORTED, measured)
    label: Label
    absent = absent_numbers(claim, passages)
    if absent:  # of WiCE's claims with such a number one in twenty is supported
        label = "unsupported" if absent_share(claim, passages) == 1 else "partly"
        reason = f"{', '.join(absent)} is in no cited passage"
        return Support(label=label, probability=round(min(probability, 0.05), 3), reason=reason)
    if probability >= LEAST:
        return Support(label="supported", probability=round(probability, 3))
    label = "unsupported" if _probability(UNSUPPORTED, measured) >= MOST else "partly"
    return Support(label=label, probability=round(probability, 3))


def measures(claim: str, passages: Sequence[str]) -> list[float]:
    """Return how much of the claim the passages carry, each 0 to 1: all words by all passages, all words by the three
    best sentences, its least carried clause, numbers and names, and the nearest sentence's meaning.
    """
    lines = [line for passage in passages for line in sentences(passage) or [passage]]
    held = [_terms(line) for line in lines]
    everything = set[int]().union(*held)
    said = _terms(claim)
    best = sorted(range(len(lines)), key=lambda n: -_share(said, held[n]))[:NEAREST]
    three = set[int]().union(*(held[n] for n in _covering(said, held, 3)))
    clauses = [held_in for part in _CLAUSE.split(claim) if len(held_in := _terms(part)) > 1] or [said]
    near = _nearest(claim, [lines[n] for n in best])
    return [
        _share(said, everything),
        _share(said, three),
        min(_share(clause, three) for clause in clauses),
        _particulars(claim, passages),
        near,
    ]


def _terms(text: str) -> set[int]:
    return set(term_ids(words(text))) - unspecific()


def _share(wanted: set[int], held: set[int]) -> float:
    return len(wanted & held) / len(wanted) if wanted else 0.0


def _covering(said: set[int], held: Sequence[set[int]], most: int) -> list[int]:
    """Return the sentences that together carry most of what is said, chosen one after the other."""
    left, chosen = set(said), list[int]()
    for _ in range(most):
        best = max(range(len(held)), key=lambda n: len(left & held[n]), default=None)
        if best is None or not left & held[best]:
            break
        chosen.append(best)
        left -= held[best]
    return chosen


def _particulars(claim: str, passages: Sequence[str]) -> float:
    """Return the share of the claim's numbers and names that the passages hold; 1 where it has none."""
    text = "\n".join(passages)
    held = {word.lower() for word in _WORD.findall(text)} | {_number(each) for each in _NUMBER.findall(text)}
    wanted = [*map(_number, _NUMBER.findall(claim)), *(name.lower() for name in _NAME.findall(claim))]
    return sum(each in held for each in wanted) / len(wanted) if wanted else 1.0


def absent_numbers(claim: str, passages: Sequence[str]) -> list[str]:
    """Return the numbers of a claim that no passage holds, in any usual way of writing them."""
    held = {_number(each) for passage in passages for each in _NUMBER.findall(passage)}
    return [each for each in dict.fromkeys(_NUMBER.findall(claim)) if _number(each) not in held]


def absent_share(claim: str, passages: Sequence[str]) -> float:
    """Return the share of a claim's numbers that no passage holds; 0 where it has none."""
    numbers = list(dict.fromkeys(_NUMBER.findall(claim)))
    return len(absent_numbers(claim, passages)) / len(numbers) if numbers else 0.0


def _number(text: str) -> str:
    plain = text.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", text) else text.replace(",", ".")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _nearest(claim: str, lines: Sequence[str]) -> float:
    """Return the cosine of the claim and the sentence nearest in meaning; 0 where no embedder is there."""
    from models.embeddings import default_embedder

    if not lines:
        return 0.0
    try:
        vectors: Any = default_embedder().embed([claim, *lines])
    except LyceumError:
        return 0.0
    return max(0.0, float((vectors[1:] @ vectors[0]).max()))


def closest(claim: str, passages: Sequence[str], characters: int) -> str:
    """Return the sentences that carry most of the claim, in their order, within so many characters."""
    lines = [line for passage in passages for line in sentences(passage) or [passage]]
    said = _terms(claim)
    kept: list[int] = []
    for place in sorted(range(len(lines)), key=lambda n: -_share(said, _terms(lines[n]))):
        if sum(len(lines[n]) for n in kept) + len(lines[place]) > characters and kept:
            break
        kept.append(place)
    return "\n".join(lines[n] for n in sorted(kept))[:characters]


def _probability(weights: Sequence[float], measured: Sequence[float]) -> float:
    total = weights[-1] + sum(weight * measure for weight, measure in zip(weights, measured, strict=False))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


def _plain(text: str) -> str:
    return " ".join(_LINK.sub(r"\1", text).lower().split()).strip(" .")
