"""Which parts a request has."""

from __future__ import annotations

import pytest

from agents.routing import split


@pytest.mark.parametrize(
    ("request_", "parts"),
    [
        ("What is a vector database and when do I need one?", 1),
        ("What is GQA and why is it used?", 1),
        ("What is top-p sampling? And which country has the most customers?", 2),
        ("What is BM25 and which one album has the most tracks?", 2),
    ],
)
def test_a_part_without_a_subject_of_its_own_stays_with_the_question_before_it(request_: str, parts: int) -> None:
    assert len(split(request_)) == parts
