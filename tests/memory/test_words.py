"""However often words were said, finding them takes bounded time and gives what ranking everything would give first."""

from __future__ import annotations

import random

import pytest

from memory import words
from memory.database import MemoryFile
from memory.recall import Recall, Said
from memory.scope import Scope

ANA, BEN = Scope(user="ana", thread="t"), Scope(user="ben", thread="t")
COMMON = ["river", "garden", "bridge"]


@pytest.fixture
def file(sqlite: MemoryFile) -> MemoryFile:
    draw = random.Random(3)
    said = [" ".join(draw.choices([*COMMON, *(f"word{n}" for n in range(60))], k=9)) for _ in range(700)]
    Recall(sqlite, None).add(ANA, [Said(text=text) for text in said])
    Recall(sqlite, None).add(BEN, [Said(text="The river is high.")])
    return sqlite


def best(file: MemoryFile, scope: Scope, question: str, depth: int = 10) -> list[tuple[int, float]]:
    found = file.by_words("turns", question, scope, "", (), depth)
    return sorted(((entry, round(score, 6)) for entry, score in found.items()), key=lambda each: (-each[1], each[0]))


def test_what_says_a_rare_word_or_two_common_ones_is_ranked_as_if_all_were(
    file: MemoryFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = ["river word7", "river garden", "garden bridge word1 word2", "river garden bridge"]
    everything = [best(file, ANA, question) for question in questions]
    monkeypatch.setattr(words, "RANKED", 120)
    monkeypatch.setattr(words, "RARE", 100)
    assert [best(file, ANA, question) for question in questions] == everything


def test_a_word_that_nearly_every_turn_says_is_looked_for_in_the_newest(
    file: MemoryFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "RANKED", 50)
    monkeypatch.setattr(words, "RARE", 20)
    ids = [entry for entry, _ in best(file, ANA, "river", depth=10)]
    newest = [row["id"] for row in file.rows("SELECT rowid AS id FROM turns_words WHERE turns_words MATCH 'river'")]
    assert len(ids) == 10
    assert set(ids) <= set(sorted(newest)[-20:])


def test_whoever_said_a_common_word_once_finds_it_among_all_who_did(
    file: MemoryFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "RANKED", 50)
    monkeypatch.setattr(words, "RARE", 1)
    assert len(best(file, BEN, "river")) == 1


def test_keeping_a_turn_costs_no_more_however_much_was_said(sqlite: MemoryFile) -> None:
    recall = Recall(sqlite, None)

    def steps() -> int:
        counted: list[None] = []
        sqlite._database.set_progress_handler(lambda: counted.append(None), 100)  # pyright: ignore[reportPrivateUsage]
        recall.add(ANA, [Said(text="The river is high.")])
        sqlite._database.set_progress_handler(None, 0)  # pyright: ignore[reportPrivateUsage]
        return len(counted)

    first = steps()
    recall.add(ANA, [Said(text=f"turn {n}") for n in range(600)])
    assert steps() <= first + 3  # hundreds of the database's instructions; reading all that was said takes thousands
