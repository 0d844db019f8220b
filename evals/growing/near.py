"""Cases that ask the same in almost the same words, within a split and, which is worse, across splits."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evals.growing.cases import VARIANT
from evals.suite import Case

ALIKE = 0.8
_WORD = re.compile(r"\w+")
_SHINGLE = 3  # characters
_GROUND = ("database", "files", "turns", "persona", "research")  # what else a case is asked about


@dataclass(frozen=True)
class Near:
    """Two cases and how alike their inputs are, from 0 to 1; `leak`: one is to tune on, the other to judge by."""

    one: Case
    other: Case
    alike: float

    @property
    def leak(self) -> bool:
        return self.one.split != self.other.split

    @property
    def text(self) -> str:
        what = "leaks from one split to the other" if self.leak else "is there twice"
        return f"{self.one.id} and {self.other.id} ({self.alike:.0%} alike): {self.one.input[:70]!r} {what}"


def alike(one: str, other: str) -> float:
    """Return the share of three-letter pieces that two texts have in common (Jaccard); letters' case aside.

    Numbers are compared whole: the same question about another number is another question.
    """
    return _jaccard(_pieces(one), _pieces(other))


def near_duplicates(cases: Sequence[Case], *, least: float = ALIKE) -> list[Near]:
    """Return pairs of cases whose inputs are that alike and that bring the same files, the most alike first."""
    pieces = [_pieces(case.input) for case in cases]
    found = [
        Near(cases[one], cases[other], share)
        for one, other in _candidates(pieces)
        if _same_ground(cases[one], cases[other])
        and not _variants(cases[one], cases[other])
        and (share := _jaccard(pieces[one], pieces[other])) >= least
    ]
    return sorted(found, key=lambda each: (-each.alike, each.one.id, each.other.id))


def asks_the_same(one: Case, other: Case) -> bool:
    """Tell whether two cases ask nearly the same, about the same files."""
    return _same_ground(one, other) and not _variants(one, other) and alike(one.input, other.input) >= ALIKE


def _variants(one: Case, other: Case) -> bool:
    """Variants of a case are alike because they are meant to be, as long as they stay on its side."""
    kin = [
        next((tag.removeprefix(VARIANT) for tag in case.tags if tag.startswith(VARIANT)), "") for case in (one, other)
    ]
    return one.split == other.split and any(kin) and (kin[0] or one.id) == (kin[1] or other.id)


def _same_ground(one: Case, other: Case) -> bool:
    """The same question to another database, file or conversation is another case."""
    files = [{tag for tag in case.tags if tag.startswith("attach:")} for case in (one, other)]
    return files[0] == files[1] and all(one.expected.get(key) == other.expected.get(key) for key in _GROUND)


def _pieces(text: str) -> frozenset[str]:
    words = [word.casefold() for word in _WORD.findall(text)]
    numbers = {f"#{word}" for word in words if any(letter.isdigit() for letter in word)}
    flat = " ".join(words)
    return frozenset({flat[place : place + _SHINGLE] for place in range(max(1, len(flat) - _SHINGLE + 1))} | numbers)


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    shared_numbers = {p for p in one if p.startswith("#")} == {p for p in other if p.startswith("#")}
    return len(one & other) / len(one | other) if shared_numbers and (one or other) else 0.0


def _candidates(pieces: Sequence[frozenset[str]]) -> Iterator[tuple[int, int]]:
    """Pairs that share one of their rarest pieces: what is nearly the same cannot miss all of them."""
    often: defaultdict[str, int] = defaultdict(int)
    for each in pieces:
        for piece in each:
            often[piece] += 1
    holders: defaultdict[str, list[int]] = defaultdict(list)
    seen: set[tuple[int, int]] = set()
    for place, each in enumerate(pieces):
        prefix = sorted(each, key=lambda piece: (often[piece], piece))[: len(each) - int(ALIKE * len(each)) + 1]
        for piece in prefix:
            for before in holders[piece]:
                if (before, place) not in seen:
                    seen.add((before, place))
                    yield before, place
            holders[piece].append(place)
