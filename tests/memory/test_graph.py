"""Many vectors are searched by a graph: it finds what comparing finds, leaks nothing and keeps nothing forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory import graph
from memory.database import MemoryFile
from memory.forgetting import Forgetting
from memory.grown import Grown
from memory.recall import Filter, Recall, Said
from memory.scope import Scope
from memory.vectors import Vectors

pytestmark = pytest.mark.extra
ANA, BEN = Scope(user="ana", thread="t"), Scope(user="ben", thread="t")
WIDTH = 32


class Seeded:
    """An embedder whose vector of a text is always the same."""

    name = "seeded"
    dimensions = WIDTH

    def embed(self, texts: Sequence[str]) -> Any:
        made = np.stack([np.random.default_rng(sum(text.encode())).normal(size=WIDTH) for text in texts])
        return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def told(sqlite: MemoryFile) -> Recall:
    recall = Recall(sqlite, Seeded())
    recall.add(ANA, [Said(text=f"turn {chr(97 + n % 26) * n}") for n in range(300)])
    recall.add(ANA.model_copy(update={"agent": "cook", "thread": "c"}), [Said(text=f"soup {n}") for n in range(5)])
    recall.add(BEN, [Said(text=f"other {n}") for n in range(20)])
    for scope in (ANA, BEN):
        recall.vectors.catch_up(scope)
    return recall


def built(file: MemoryFile) -> graph.About:
    about = graph.build(file.path, "local", "ana", "turns", "seeded 32")
    assert about is not None
    return about


def shard(file: MemoryFile) -> Path | None:
    return graph.newest(graph.place_of(file.path, "local", "ana", "turns", "seeded 32"))


def test_a_graph_finds_what_comparing_every_vector_finds_and_says_how_much_of_it(
    sqlite: MemoryFile, told: Recall
) -> None:
    asked = Seeded().embed(["what?"])[0]
    exact = told.vectors.nearest(ANA, asked, 10)
    about = built(sqlite)
    found = Vectors(sqlite, "turns", Seeded()).nearest(ANA, asked, 10)
    assert about.count == 305
    assert about.recall >= graph.ENOUGH
    assert found.keys() == exact.keys()
    assert told.vectors.nearest(ANA, asked, 10).keys() == exact.keys()  # a process that was there before takes it too


def test_turns_after_the_graph_are_found_and_other_users_turns_never(sqlite: MemoryFile, told: Recall) -> None:
    built(sqlite)
    recall = Recall(sqlite, Seeded())
    (new,) = recall.add(ANA, [Said(text="the boat is called Selma")])
    assert recall.search(ANA, "the boat is called Selma")[0].turn.id == new.id
    everything = recall.vectors.nearest(ANA, Seeded().embed(["other 3"])[0], 400)
    others = {int(row["id"]) for row in sqlite.rows("SELECT id FROM turns WHERE user = 'ben'")}
    assert len(everything) == 306
    assert not everything.keys() & others


def test_a_scope_that_sees_few_of_many_turns_finds_them_by_meaning(sqlite: MemoryFile, told: Recall) -> None:
    built(sqlite)
    recall = Recall(sqlite, Seeded())
    soups = recall.search(ANA.model_copy(update={"agent": "cook"}), "zzz", only=Filter(thread="c"))
    assert {hit.turn.thread for hit in soups} == {"c"}
    assert all(hit.cosine for hit in soups)
    assert not recall.search(ANA, "zzz", only=Filter(thread="c"))  # another agent's


def test_forgetting_removes_the_graph_that_holds_the_vector(sqlite: MemoryFile, told: Recall) -> None:
    built(sqlite)
    recall = Recall(sqlite, Seeded())
    asked = Seeded().embed(["what?"])[0]
    nearest = max((found := recall.vectors.nearest(ANA, asked, 10)), key=lambda entry: found[entry])
    row = sqlite.one("SELECT thread, number FROM turns WHERE id = ?", nearest)
    assert row is not None
    Forgetting(sqlite).forget(ANA, [f"turn:{row['thread']}/{row['number']}"])
    assert shard(sqlite) is None
    assert nearest not in recall.vectors.nearest(ANA, asked, 10)
    (left,) = sqlite.rows("SELECT count(*) AS n FROM vectors WHERE user = 'ana'")
    assert len(recall.vectors.nearest(ANA, asked, 400)) == left["n"]


def test_a_damaged_graph_or_one_that_finds_too_little_is_not_used(sqlite: MemoryFile, told: Recall) -> None:
    about = built(sqlite)
    folder = shard(sqlite)
    assert folder is not None
    poor = about.model_copy(update={"recall": 0.2})
    for damage in (poor.model_dump_json(), "{"):
        (folder / graph.ABOUT).write_text(damage)
        index = Grown(sqlite.path, "turns", "seeded 32")
        assert index.begins(ANA.owner) is None
        assert len(Vectors(sqlite, "turns", Seeded(), index).nearest(ANA, Seeded().embed(["what?"])[0], 400)) == 305
