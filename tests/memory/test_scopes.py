"""Nothing that one scope keeps is seen by another that should not see it, whatever asks, on every store."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lyceum.errors import UserError
from memory.archive import New
from memory.blocks import Edit
from memory.database import MemoryFile
from memory.exchange import exported, markdown
from memory.forgetting import Forgetting
from memory.recall import Filter, Said
from memory.scope import Scope
from memory.sql import Database
from memory.store import MemoryStore

NAMES = st.sampled_from(["ana", "ben", "a' OR ''='", "%", "user"])
PARTS = st.sampled_from(["", "x", "y"])
SCOPES = st.builds(Scope, tenant=NAMES, user=NAMES, agent=PARTS, project=PARTS, thread=st.sampled_from(["s", "t"]))


def sees(who: Scope, kept: Scope) -> bool:
    return who.owner == kept.owner and kept.agent in ("", who.agent) and kept.project in ("", who.project)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8, deadline=None)
@given(scopes=st.lists(SCOPES, min_size=2, max_size=5, unique_by=lambda scope: scope.place))
def test_every_way_of_reading_shows_what_the_scope_may_see_and_nothing_else(
    opened: Callable[..., MemoryStore], scopes: list[Scope]
) -> None:
    store = opened()
    for owner in {scope.owner for scope in scopes}:
        store.forgetting.everything(Scope(tenant=owner[0], user=owner[1]))
    marks = {scope: f"mark{number}" for number, scope in enumerate(scopes)}
    for scope, mark in marks.items():
        store.log.add(scope, [Said(text=f"secret {mark}")])
        store.archive.insert(scope, New(text=f"secret {mark}", topic="secret"))
        store.blocks.define(scope, mark)
        store.blocks.append(scope, mark, f"secret {mark}", Edit())
    for who in scopes:
        allowed = {mark for scope, mark in marks.items() if sees(who, scope)}
        own = {mark for scope, mark in marks.items() if scope.owner == who.owner}
        shown = {
            "searched": [hit.turn.text for hit in store.recall.search(who, "secret", limit=50, context=5)],
            "beside": [t.text for hit in store.recall.search(who, "secret", context=5) for t in hit.around],
            "latest": [turn.text for turn in store.log.latest(who, 100)],
            "facts": [fact.text for fact in store.archive.facts(who, history=True)],
            "found": [fact.text for fact, _ in store.archive.search(who, "secret", history=True)],
            "blocks": [store.blocks.render(who)],
        }
        for way, texts in shown.items():
            seen = {mark for mark in marks.values() if mark in "\n".join(texts)}
            assert seen <= allowed if way == "beside" else seen == allowed, way
        for page in ("\n".join(exported(store.file, who)), markdown(store.file, who)):
            assert {mark for mark in marks.values() if mark in page} == own
        for other in scopes:
            if other.owner != who.owner:
                [turn] = store.log.latest(other, 1, Filter(thread=other.thread))
                if turn.id not in {each.id for each in store.log.latest(who, 100)}:
                    with pytest.raises(UserError):
                        store.log.get(who, turn.id)
                    with pytest.raises(UserError):
                        Forgetting(store.file).forget(who, [store.archive.facts(other, history=True)[0].id])


def test_a_name_that_a_store_could_not_tell_from_another_is_refused() -> None:
    with pytest.raises(ValidationError):
        Scope(user="ana\x00")


@pytest.mark.extra
@pytest.mark.service
def test_both_databases_rank_words_alike(postgres: str, sqlite: MemoryFile) -> None:
    import psycopg

    from memory.postgres import PostgresMemory
    from memory.recall import Recall

    with psycopg.connect(postgres, autocommit=True) as held:
        held.execute("DROP SCHEMA IF EXISTS lyceum_memory CASCADE")
    server = PostgresMemory(postgres)
    who = Scope(user="ana", thread="t")
    said = [
        Said(text=f"{'The dogs ran ' * (number % 4)}to café number {number} and talked of {what}.")
        for number, what in enumerate(
            ["running", "kites", "Zürich", "runs of ünicode", "a kite", "nothing at all"] * 20
        )
    ]
    scores: list[dict[int, float]] = []
    for file in (sqlite, server):
        database: Database = file
        Recall(database, None).add(who, said)
        Recall(database, None).add(Scope(user="ben", thread="t"), [Said(text="other words")] * 3)
        scores.append(
            {
                hit: round(score, 3)
                for question in ("runs of kites", "cafe zurich", "dog")
                for hit, score in database.by_words("turns", question, who, "", (), 10).items()
            }
        )
    server.close()
    assert scores[0].keys() == scores[1].keys()
    assert json.dumps(scores[0]) != "{}"
    assert all(abs(scores[0][hit] - scores[1][hit]) < 0.15 * scores[0][hit] + 0.05 for hit in scores[0])
