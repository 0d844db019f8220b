"""Encoding, written out: which merge joined what and when, which piece was the longest, which split scores best.

Each walk works on the vocabulary of a `tokenizers` model and ends with the tokens that the library gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from mcp_servers.tokenizers.training import merge_pair


class Step(NamedTuple):
    """`rule` says what was applied, `tokens` is the word afterwards; `rank` is the merge's number, -1 without one."""

    rule: str
    tokens: tuple[str, ...]
    rank: int = -1


@dataclass(frozen=True)
class Rules:
    """What a tokenizer goes by: BPE ranks, WordPiece entries or Unigram scores (natural logarithms)."""

    kind: str
    ranks: Mapping[tuple[str, str], int]
    entries: Mapping[str, float]
    unknown: str = ""
    longest: int = 100  # characters of a word; WordPiece gives up on more


def walk(word: str, rules: Rules) -> list[Step]:
    """Encode one word, in the alphabet of the model, and return every step; the first is its symbols."""
    if rules.kind == "bpe":
        return _merges(word, rules.ranks)
    return _longest(word, rules) if rules.kind == "wordpiece" else _best_split(word, rules)


def _merges(word: str, ranks: Mapping[tuple[str, str], int]) -> list[Step]:
    """Byte-pair encoding: of the pairs that stand side by side, the one learnt first is merged everywhere."""
    symbols = tuple(word)
    steps = [Step("symbols", symbols)]
    while len(symbols) > 1:
        known = [pair for pair in pairwise(symbols) if pair in ranks]
        if not known:
            break
        pair = min(known, key=ranks.__getitem__)
        symbols = merge_pair(symbols, pair)
        steps.append(Step(f"merge {pair[0]} + {pair[1]}", symbols, ranks[pair]))
    return steps


def _longest(word: str, rules: Rules) -> list[Step]:
    """WordPiece: the longest entry that begins the rest; a rest that nothing begins loses the whole word."""
    steps = [Step("symbols", tuple(word))]
    found: list[str] = []
    start = 0
    if len(word) > rules.longest:
        return [*steps, Step(f"more than {rules.longest} characters", (rules.unknown,))]
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in rules.entries:
                break
        else:
            return [*steps, Step(f"nothing begins {word[start:]!r}", (rules.unknown,))]
        found.append(piece)
        start = end
        rest = (word[start:],) if start < len(word) else ()
        steps.append(Step(f"longest entry {piece}", (*found, *rest)))
    return steps


class _Arrival(NamedTuple):
    score: float
    start: int
    piece: str


def _best_split(word: str, rules: Rules) -> list[Step]:
    """Unigram: the split of the highest total score, found from left to right (Viterbi, as Kudo 2018 describes)."""
    floor = min(rules.entries.values()) - 10  # what the library charges for a character outside the vocabulary
    best = [_Arrival(0.0, 0, "")]
    steps = [Step("symbols", tuple(word))]
    for end in range(1, len(word) + 1):
        arrivals = [
            _Arrival(best[start].score + rules.entries[word[start:end]], start, word[start:end])
            for start in range(end)
            if word[start:end] in rules.entries
        ]
        if not any(len(arrival.piece) == 1 for arrival in arrivals):
            arrivals.append(_Arrival(best[end - 1].score + floor, end - 1, word[end - 1]))
        best.append(max(arrivals, key=lambda arrival: (arrival.score, -arrival.start)))
        steps.append(Step(f"best way to {word[:end]!r}: {best[end].score:.2f}", _trace(best, end)))
    tokens = _trace(best, len(word))
    spelt = tuple(part for token in tokens for part in _bytes_where_unknown(token, rules))
    if spelt != tokens:
        steps.append(Step("characters outside the vocabulary in bytes", spelt))
    return steps


def _trace(best: Sequence[_Arrival], end: int) -> tuple[str, ...]:
    pieces: list[str] = []
    while end:
        pieces.append(best[end].piece)
        end = best[end].start
    return tuple(reversed(pieces))


def _bytes_where_unknown(token: str, rules: Rules) -> Sequence[str]:
    return [token] if token in rules.entries else [f"<0x{byte:02X}>" for byte in token.encode()]
