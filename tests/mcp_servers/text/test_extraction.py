"""Entities and relations are found in three ways, scored by one measure, and what a model makes up is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyceum.errors import UserError
from mcp_servers.providers.practice.said import Call, Says
from mcp_servers.providers.practice.serve import running
from mcp_servers.text.annotated import Entity, Extracted, Relation, corpus, located, parsed
from mcp_servers.text.perceptron import learned, tokenized
from mcp_servers.text.scoring import scored
from tests.mcp_servers.text.conftest import call, hosted

NEW = "Wanda Stone works for Larch Labs in Riga."


def test_the_corpus_is_large_enough_and_its_test_names_are_new() -> None:
    held = corpus()
    assert len(held.train) >= 40
    assert len(held.test) >= 25
    assert {fact.relation for s in held.test for fact in s.found.relations} == set(held.scheme.relations)
    taught = {e.text for s in held.train for e in s.found.entities if e.label in ("person", "company", "product")}
    asked = {e.text for s in held.test for e in s.found.entities}
    assert taught & asked == {"Mara Lindt", "Kessel GmbH", "Brisa 3"}, "those that the file marks as seen"
    assert not {s.text for s in held.train} & {s.text for s in held.test}


@pytest.mark.parametrize(
    ("text", "relation", "said"),
    [
        ("[Ann](persn) works.", [], "Did you mean 'person'?"),
        ("[Ann](person) at [Reef](company).", ["Ann works_at Reef"], "names no relation"),
        ("[Ann](person) at [Reef](company).", ["Reef works_for Ann"], "not between a person and a company"),
    ],
)
def test_a_line_that_does_not_fit_the_scheme_is_refused(text: str, relation: list[str], said: str) -> None:
    with pytest.raises(UserError) as refused:
        parsed(text, relation, corpus().scheme)
    assert said in str(refused.value)


async def test_the_trained_tagger_finds_names_that_it_never_saw(tmp_path: Path) -> None:
    told = await call(tmp_path, "text_extract", text=NEW)
    assert [(e["text"], e["label"]) for e in told["entities"]] == [
        ("Wanda Stone", "person"),
        ("Larch Labs", "company"),
        ("Riga", "place"),
    ]
    assert {"subject": "Wanda Stone", "relation": "works_for", "object": "Larch Labs"} in told["relations"]
    assert told["way"] == "learned"


@settings(deadline=None, max_examples=50)  # the tagger is trained in the first
@given(st.text(max_size=60))
def test_whatever_the_text_is_every_entity_stands_in_it(text: str) -> None:
    found = learned().extract(text)
    assert all(text[entity.start : entity.end] == entity.text for entity in found.entities)
    names = {entity.text for entity in found.entities}
    assert {fact.subject for fact in found.relations} | {fact.object for fact in found.relations} <= names
    assert all(text[token.start : token.end] == token.text for token in tokenized(text))


@pytest.mark.extra
async def test_rules_are_precise_and_the_tagger_finds_more_relations(tmp_path: Path) -> None:
    told = await call(tmp_path, "text_extract_compare", ways=["rules", "learned", "llm"])
    rules, trained = told["rows"]
    assert rules["relations"]["precision"] > trained["relations"]["precision"] > 0.8
    assert trained["relations"]["recall"] > rules["relations"]["recall"] > 0.4
    assert min(rules["entities"]["f1"], trained["entities"]["f1"]) > 0.9
    (left,) = told["left_out"]
    assert left["way"] == "llm"
    assert "lyceum models pull" in left["reason"]


@pytest.mark.extra
@pytest.mark.parametrize(
    "text", ["«person 0» works for «company 7».", "GmbH. GmbH.", "The The The 3 in In of Of", "\n"]
)
async def test_rules_survive_texts_that_look_like_their_own_marks(tmp_path: Path, text: str) -> None:
    assert "error" not in await call(tmp_path, "text_extract", text=text, way="rules")


def test_scores_are_counted_over_all_sentences() -> None:
    wanted = Extracted(
        entities=[_entity("Ann Reef", "person", 0), _entity("Oslo", "place", 20)],
        relations=[Relation(subject="Ann Reef", relation="works_for", object="Reef Ltd")],
    )
    near = Extracted(
        entities=[_entity("Ann", "person", 0), _entity("Oslo", "company", 20), _entity("Bo", "person", -1)]
    )
    scores = scored([wanted, wanted], [wanted, near])
    assert (scores.entities.precision, scores.entities.recall) == (0.4, 0.5)
    assert (scores.overlapping.precision, scores.overlapping.recall) == (0.6, 0.75)
    assert (scores.relations.precision, scores.relations.recall, scores.relations.f1) == (1.0, 0.5, 0.6667)
    assert scored([Extracted()], [near]).entities.f1 == 0


def _entity(text: str, label: str, start: int) -> Entity:
    return Entity(text=text, label=label, start=start, end=start + len(text) if start >= 0 else -1)


def test_words_that_stand_twice_are_located_twice_and_those_that_do_not_nowhere() -> None:
    placed = located("Bo met Bo.", [Entity(text=text, label="person") for text in ("Bo", "Bo", "Bo", "Ann")])
    assert [entity.start for entity in placed] == [0, 7, -1, -1]


def _answer(*entities: tuple[str, str], relations: tuple[tuple[str, str, str], ...] = ()) -> dict[str, Any]:
    return {
        "entities": [{"text": text, "label": label} for text, label in entities],
        "relations": [{"subject": a, "relation": name, "object": b} for a, name, b in relations],
    }


async def test_a_language_model_is_shown_examples_and_held_to_the_scheme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = _answer(("Wanda Stone", "person"), ("Ghost Ltd", "company"), relations=(("Wanda Stone", "works_for", "X"),))
    bad = {"entities": [{"text": "Riga", "label": "city"}], "relations": []}
    with running(lambda heard: Says(calls=(Call(heard.tools[0], good),))) as provider:
        settings = hosted(tmp_path, provider.url, monkeypatch)
        provider.says = [Says(calls=(Call("final_result", bad),))]
        told = await call(tmp_path, "text_extract", settings, text=NEW, way="llm")
        first, second = provider.asked
    assert "Mara Lindt works for Corva Labs" in str(first.body["messages"]), "the examples"
    assert "city" in str(second.body["messages"]), "a label of its own is sent back once"
    assert told["unplaced"] == ["Ghost Ltd"], "what the text does not hold is told"
    assert told.get("cost") is None, "what an own server charges is not known"


async def test_an_answer_without_the_form_is_no_extraction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(lambda _heard: Says(text="I would rather not.")) as provider:
        settings = hosted(tmp_path, provider.url, monkeypatch)
        told = await call(tmp_path, "text_extract", settings, text=NEW, way="llm")
    assert "did not keep to the form" in told["error"]
    assert len(provider.asked) == 2, "it is asked once more"


@pytest.mark.slow
async def test_a_model_that_never_keeps_to_the_form_is_counted_and_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(lambda _heard: Says(text="I would rather not.")) as provider:
        settings = hosted(tmp_path, provider.url, monkeypatch)
        told = await call(tmp_path, "text_extract_compare", settings, ways=["llm"])
    (row,) = told["rows"]
    assert row["failed"] == told["test"]
    assert row["entities"]["f1"] == row["relations"]["f1"] == 0
