from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lyceum.errors import UserError
from memory.archive import New
from memory.blocks import Edit
from memory.database import MemoryFile
from memory.exchange import exported, imported, markdown
from memory.forgetting import Forgetting
from memory.recall import Recall, Said
from memory.scope import Scope
from memory.sql import Database
from memory.store import MemoryStore
from memory.summary import extractive

ANA = Scope(user="ana", thread="t1")
BEN = Scope(user="ben", thread="t1")
SECRET = "The code of my safe is xylophone-4711."
MAY = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def memory(opened: Callable[..., MemoryStore]) -> MemoryStore:
    store = opened()
    store.log.add(ANA, [Said(text="I live in Porto.", said=MAY), Said(text=f"By the way. {SECRET}", said=MAY)])
    store.log.add(ANA, [Said(text=f'You told me: "{SECRET.lower()}"', speaker="lyceum", origin="assistant", said=MAY)])
    store.consolidation.run(ANA)
    store.blocks.define(ANA, "task")
    store.blocks.append(ANA, "task", "Open the safe.", Edit())
    store.blocks.append(ANA, "task", SECRET, Edit())
    store.blocks.append(ANA, "task", "Then rest.", Edit())
    turns = store.log.latest(ANA)
    store.summaries.write(ANA, "t1", extractive("", turns), upto=3)
    return store


def test_forgetting_a_turn_leaves_no_copy_anywhere_in_the_file_and_says_what_it_changed(memory: MemoryStore) -> None:
    done = memory.forgetting.forget(ANA, ["turn:t1/2"])
    [fact] = [name for name in done.removed if name.startswith("fact:")]
    assert set(done.removed) == {"turn:t1/2", fact}
    assert set(done.rewritten) == {
        "turn:t1/3", "block:known", "block:task", "history of block:known", "history of block:task", "summary:t1",
    }  # fmt: skip
    assert memory.blocks.get(ANA, "task").text == "Open the safe.\nThen rest."
    assert "I live in Porto." in [fact.text for fact in memory.archive.facts(ANA)]
    assert not memory.recall.search(ANA, "xylophone")
    memory.close()
    if isinstance(memory.file, MemoryFile):
        held = b"".join(path.read_bytes() for path in memory.file.path.parent.glob("memory.db*"))
        assert b"xylophone" not in held.lower()


def test_forgetting_a_fact_takes_the_turn_it_came_from_along(memory: MemoryStore) -> None:
    [fact] = [fact for fact, _ in memory.archive.search(ANA, "safe")]
    assert "turn:t1/2" in memory.forgetting.forget(ANA, [fact.id]).removed


def test_the_number_of_a_forgotten_turn_is_not_given_again(memory: MemoryStore) -> None:
    memory.forgetting.forget(ANA, ["turn:t1/3"])
    [turn] = memory.log.add(ANA, [Said(text="later")])
    assert turn.id == "turn:t1/4"


def test_forgetting_reaches_no_other_user_and_nothing_happens_for_an_unknown_id(memory: MemoryStore) -> None:
    memory.log.add(BEN, [Said(text=SECRET)])
    with pytest.raises(UserError, match="nothing called"):
        memory.forgetting.forget(BEN, ["turn:t1/1", "turn:t1/2"])
    memory.forgetting.forget(ANA, ["thread:t1"])
    assert not memory.log.latest(ANA)
    memory.forgetting.everything(ANA)
    assert [turn.text for turn in memory.log.latest(BEN)] == [SECRET]
    assert not list(exported(memory.file, ANA))[1:]


def test_a_retention_rule_names_the_turns_that_are_too_old(memory: MemoryStore) -> None:
    memory.log.add(ANA, [Said(text="old", said=datetime(2020, 1, 1, tzinfo=UTC))])
    assert memory.forgetting.expired(ANA, 3000) == []
    assert "turn:t1/4" in memory.forgetting.expired(ANA, 1000)


def test_what_identifies_a_person_is_tagged_and_a_rule_forgets_it_sooner(memory: MemoryStore) -> None:
    memory.log.add(ANA, [Said(text="My phone number is 912 345 678."), Said(text="I really love hiking.")])
    memory.consolidation.run(ANA)
    tagged = memory.archive.facts(ANA, tag="pii")
    assert {fact.topic for fact in tagged} >= {"home", "my phone number"}
    assert "taste: hiking" not in {fact.topic for fact in tagged}
    assert not memory.archive.facts(ANA, tag="%")
    assert not memory.forgetting.retain(ANA, days=100_000, pii_days=30).removed
    with memory.file.transaction() as database:
        database.execute("UPDATE facts SET recorded = '2020-01-01T00:00:00.000000+00:00'")
    done = memory.forgetting.retain(ANA, pii_days=30)
    assert {fact.id for fact in tagged} < set(done.removed)
    assert {fact.topic for fact in memory.archive.facts(ANA)} == {"taste: hiking", "my safe"}
    assert "912 345" not in "".join(exported(memory.file, ANA))


def test_export_wipe_and_import_bring_everything_back_as_it_was(memory: MemoryStore) -> None:
    moved = New(
        text="I live in Lisbon.", topic="home", valid_from=datetime(2026, 6, 1, tzinfo=UTC), sources=["turn:t1/1"]
    )
    memory.archive.insert(ANA, moved)
    lines = list(exported(memory.file, ANA))
    found = memory.recall.search(ANA, "where is my safe"), memory.archive.search(ANA, "live", history=True)
    memory.forgetting.everything(ANA)
    assert imported(memory.file, ANA, lines).added["turn"] == 3
    assert list(exported(memory.file, ANA)) == lines
    assert (memory.recall.search(ANA, "where is my safe"), memory.archive.search(ANA, "live", history=True)) == found
    assert memory.blocks.undo(ANA, "task", Edit()).text == f"Open the safe.\n{SECRET}"
    again = imported(memory.file, ANA, lines)
    assert not again.added
    assert again.refused == ["block   task"]


def test_markdown_shows_blocks_facts_summaries_and_turns(memory: MemoryStore) -> None:
    page = markdown(memory.file, ANA)
    for part in (
        "## Block task",
        "- I live in Porto. (since 2026-05-01; turn:t1/1)",
        "## Summary of t1",
        "> I live in Porto.",
    ):
        assert part in page


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([""], ""),
        (["not json"], "no memory export"),
        (['{"format": "lyceum-memory", "version": 9}'], "version 9"),
        (['{"format": "lyceum-memory", "version": 1}', '{"kind": "turn"}'], "Line 2 lacks agent"),
        (['{"format": "lyceum-memory", "version": 1}', "[1]"], "Line 2"),
    ],
)
def test_an_export_that_cannot_be_read_changes_nothing_and_names_the_line(
    memory: MemoryStore, lines: list[str], said: str
) -> None:
    before = list(exported(memory.file, ANA))
    if said:
        with pytest.raises(UserError, match=said):
            imported(memory.file, ANA, lines)
    else:
        assert not imported(memory.file, ANA, lines).added
    assert list(exported(memory.file, ANA)) == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=4))
def test_any_turns_survive_the_round_trip_and_can_be_forgotten(file: Database, texts: list[str]) -> None:
    who = Scope(user=json.dumps(texts)[:150], thread="t")
    kept = Recall(file, None).add(who, [Said(text=text) for text in texts])
    lines = list(exported(file, who))
    assert Forgetting(file).forget(who, [kept[0].id]).removed == [kept[0].id]
    Forgetting(file).everything(who)
    imported(file, who, lines)
    assert list(exported(file, who)) == lines
