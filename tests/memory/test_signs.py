"""Of very many vectors those are compared whose signs agree, and how many of the nearest that finds is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from memory import signs
from memory.index import Exact

ANA = ("local", "ana")
WIDTH, MANY = 96, 6000


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signs, "FROM", 2000)
    monkeypatch.setattr(signs, "TAIL", 200)
    monkeypatch.setattr(signs, "LEAST", 200)


def alike(count: int) -> Any:
    """Draw vectors of a few topics, float32 (count, WIDTH) of length one."""
    random = np.random.default_rng(0)
    made = random.normal(size=(40, WIDTH))[random.integers(0, 40, count)] + random.normal(size=(count, WIDTH))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def filled(vectors: Any, at_once: int = 700) -> Exact:
    index = Exact()
    for first in range(0, len(vectors), at_once):
        part = vectors[first : first + at_once]
        index.add(ANA, range(first, first + len(part)), part)
    return index


def nearest(vectors: Any, question: Any, depth: int = 10) -> set[int]:
    return set(np.argsort(-(vectors @ question))[:depth].tolist())


def share_found(index: Exact, vectors: Any, among: Any) -> float:
    return float(np.mean([len(nearest(vectors, each) & set(index.search(ANA, each, 10))) / 10 for each in among]))


def test_nearly_all_of_the_nearest_are_found_with_their_cosines_among_a_part_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[int] = []
    rows = signs.Signs.rows

    def counted(self: signs.Signs, vectors: Any, question: Any) -> Any:
        found = rows(self, vectors, question)
        compared.append(len(vectors) if found is None else len(found))
        return found

    monkeypatch.setattr(signs.Signs, "rows", counted)
    vectors, asked = np.split(alike(MANY + 30), [MANY])
    index = filled(vectors)
    question = vectors[17]
    assert share_found(index, vectors, asked) >= 0.9
    assert max(compared) < MANY / 5
    for entry, cosine in index.search(ANA, question, 10).items():
        assert cosine == pytest.approx(float(vectors[entry] @ question), abs=1e-6)


def test_what_was_just_written_is_found_and_what_was_removed_is_not() -> None:
    vectors = alike(MANY)
    index = filled(vectors[:-1])
    index.add(ANA, [MANY - 1], vectors[-1:])
    assert next(iter(index.search(ANA, vectors[-1], 1))) == MANY - 1
    gone = nearest(vectors, vectors[17], 5)
    index.remove(ANA, sorted(gone))
    assert index.count(ANA) == MANY - 5
    left = [row for row in range(MANY) if row not in gone]
    found = index.search(ANA, vectors[17], 10)
    assert not gone & found.keys()
    assert len({left[place] for place in nearest(vectors[left], vectors[17])} & found.keys()) >= 9
    assert share_found(index, vectors, [vectors[row] for row in left[-20:]]) >= 0.9


def test_where_signs_say_nothing_all_are_compared() -> None:
    far = np.zeros((MANY, WIDTH), dtype=np.float32)
    far[:, 0] = 1  # what tells them apart is in two dimensions, and far from the middle of both
    far[:, 1:3] = np.random.default_rng(3).normal(size=(MANY, 2)) * 0.01
    far /= np.linalg.norm(far, axis=1, keepdims=True)
    index = filled(far)
    question = far[40]
    best = sorted((far @ question).tolist())[-10:]
    assert sorted(index.search(ANA, question, 10).values()) == pytest.approx(best, abs=1e-6)
