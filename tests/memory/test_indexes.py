"""Whatever compares the vectors finds what the database holds of one owner, and nothing of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lyceum.errors import Unavailable
from memory.archive import New
from memory.index import Exact, VectorIndex
from memory.scope import Scope
from memory.store import MemoryStore
from tests.mcp_servers.retrieval.qdrant_wire import serve

WIDTH = 8
ANA, BEN = ("local", "ana"), ("local", "ben")


def drawn(count: int, seed: int = 0) -> Any:
    made = np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


class Letters:
    """An embedder without weights: texts with the same letters are near."""

    dimensions = 32

    def __init__(self, name: str = "letters") -> None:
        self.name = name

    def embed(self, texts: Sequence[str]) -> Any:
        made = np.full((len(texts), self.dimensions), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for letter in text.lower():
                made[row, ord(letter) % self.dimensions] += 1
        return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def qdrant() -> Iterator[str]:
    with serve() as url:
        yield url


@pytest.fixture(params=["exact", pytest.param("qdrant", marks=pytest.mark.extra)])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorIndex]:
    if request.param == "exact":
        yield Exact()
        return
    from memory.qdrant import Qdrant

    made = Qdrant(request.getfixturevalue("qdrant"), "wire-key", str(tmp_path), "letters", WIDTH)
    yield made
    made.close()


def test_an_index_finds_the_nearest_of_one_owner_and_forgets_what_is_removed(index: VectorIndex) -> None:
    vectors = drawn(6)
    index.add(ANA, [1, 2, 3], vectors[:3])
    index.add(BEN, [4, 5], vectors[3:5])
    assert next(iter(index.search(ANA, vectors[1], 3))) == 2
    assert set(index.search(ANA, vectors[3], 10)) == {1, 2, 3}
    assert index.search(BEN, vectors[3], 1) == pytest.approx({4: 1.0}, abs=1e-5)
    index.remove(ANA, [2])
    index.remove(ANA, [2])
    assert set(index.search(ANA, vectors[1], 10)) == {1, 3}
    index.clear(ANA)
    assert (index.count(ANA), index.count(BEN)) == (0, 2)
    assert index.search(ANA, vectors[1], 10) == {}


STEPS = st.lists(st.tuples(st.sampled_from(["add", "remove", "clear"]), st.booleans(), st.integers(1, 6)), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(steps=STEPS)
def test_after_any_steps_an_index_holds_what_a_set_of_each_owner_would(
    index: VectorIndex, steps: list[tuple[str, bool, int]]
) -> None:
    vectors = drawn(7)
    held: dict[tuple[str, str], set[int]] = {ANA: set(), BEN: set()}
    for owner in held:
        index.clear(owner)
    for what, ana, number in steps:
        owner = ANA if ana else BEN
        number += 0 if ana else 100  # a row belongs to one owner
        if what == "add" and number not in held[owner]:
            index.add(owner, [number], vectors[number % 100 : number % 100 + 1])
            held[owner].add(number)
        elif what == "remove":
            index.remove(owner, [number])
            held[owner].discard(number)
        elif what == "clear":
            index.clear(owner)
            held[owner].clear()
    for owner, ids in held.items():
        assert set(index.search(owner, vectors[0], 50)) == ids
        assert index.count(owner) == len(ids)


ME = Scope(user="ana")


def texts(store: MemoryStore, question: str) -> list[str]:
    return [fact.text for fact, _ in store.archive.near(ME, question, limit=1)]


@pytest.mark.extra
def test_the_archive_in_qdrant_follows_what_any_process_writes_and_forgets(
    opened: Callable[..., MemoryStore], qdrant: str
) -> None:
    given = {"qdrant": (qdrant, "wire-key")}
    store = opened(Letters, **given)
    first = store.archive.insert(ME, New(text="gggg hhhh")).fact
    store.archive.insert(ME, New(text="zzzz yyyy"))
    store.archive.insert(Scope(user="ben"), New(text="ghghgh"))
    assert texts(store, "ghgh") == ["gggg hhhh"]
    other = opened(Letters, **given)
    other.archive.insert(ME, New(text="ghghghgh"))
    other.archive.vectors.catch_up(ME)
    vector = Letters().embed(["ghghghgh"])[0]
    assert len(store.archive.vectors.nearest(ME, vector, 9)) == 3
    assert store.archive.vectors.rebuild(ME) == 3
    store.forgetting.forget(ME, [first.id])
    assert store.archive.vectors.rebuild(ME) == 2
    store.forgetting.everything(ME)
    assert opened(Letters, **given).archive.vectors.rebuild(ME) == 0


@pytest.mark.extra
def test_a_qdrant_server_that_is_away_is_named_and_the_text_is_forgotten_all_the_same(
    opened: Callable[..., MemoryStore],
) -> None:
    store = opened(Letters, qdrant=("http://127.0.0.1:9", ""))
    fact = store.archive.insert(ME, New(text="gggg hhhh")).fact
    store.archive.vectors.catch_up(ME)
    with pytest.raises(Unavailable, match="forgotten here, but not its vectors"):
        store.forgetting.forget(ME, [fact.id])
    assert not store.archive.facts(ME, history=True)


def test_with_another_model_old_vectors_are_replaced_and_answers_come_meanwhile(
    opened: Callable[..., MemoryStore],
) -> None:
    store = opened(Letters)
    for number in range(200):
        store.archive.insert(ME, New(text=f"kite number {number}"))
    store.archive.vectors.catch_up(ME)
    newer = opened(lambda: Letters("newer"))
    assert [fact.text for fact, _ in newer.archive.search(ME, "kite 7", limit=200) if "number 7" in fact.text]
    assert 0 < newer.archive.vectors.catch_up(ME) < 200, "the first search made some"
    assert newer.archive.vectors.catch_up(ME) == 0
    assert newer.archive.vectors.rebuild(ME) in (0, 200)
