"""Questions about the course through the front door: answers that cite, lessons that teach, and honest declines."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("question", "passage", "said"),
    [
        ("Why do LLMs share K and V heads?", "course:attention#grouped-query-attention", "key"),
        ("How big is the KV cache of Llama 3 8B per token?", "course:kv-cache#kv-cache-size-formula", "128 KiB"),
        ("How do you calculate pass@k?", "course:evaluation#pass-k-and-pass-k", "C(n, k)"),
        ("What is BM25?", "course:vector-search#bm25-and-lexical-search", "idf"),
    ],
)
async def test_an_answer_quotes_the_passage_that_it_cites(ask: Any, question: str, passage: str, said: str) -> None:
    answer = await ask(question)
    texts = {source.id: " ".join(source.text.split()) for source in answer.sources}
    assert passage in texts
    assert said in answer.text
    for claim in answer.claims:
        assert all(claim.text in texts[cited] for cited in claim.citations)


@pytest.mark.parametrize(
    "question", ["What is the price of an H100 today?", "How do I train my dog to sit?", "Who is the CEO of OpenAI?"]
)
async def test_what_the_course_does_not_cover_is_declined(ask: Any, question: str) -> None:
    answer = await ask(question)
    assert answer.declined
    assert not answer.claims


@pytest.mark.parametrize(
    ("topic", "note", "figure"),
    [
        ("speculative decoding", "course:decoding#", "3.36"),
        ("product quantization", "course:vector-search#", "96 bytes"),
    ],
)
async def test_the_tutor_explains_works_an_example_and_asks_what_the_passage_answers(
    ask: Any, topic: str, note: str, figure: str
) -> None:
    answer = await ask(f"Teach me about {topic}")
    lesson = answer.output
    assert answer.role == "tutor"
    assert topic in lesson["explanation"].lower()
    assert figure in lesson["explanation"] + lesson["example"]
    assert lesson["example"] not in lesson["explanation"]
    assert lesson["check_question"].endswith("?")
    assert "your own words" not in lesson["check_question"]
    assert all(cited.startswith(note) for cited in lesson["citations"])
    assert answer.sources


async def test_the_tutor_declines_what_the_notes_do_not_cover(ask: Any) -> None:
    assert (await ask("Teach me about medieval castles")).declined
