from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.personal import tags_of


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("name", "My name is Ana."),
        ("my passport", "My passport expires in 2029."),
        ("", "Write to ana.lopes@example.org."),
        ("", "Ring +351 912-345-678 tonight."),
        ("", "Pay to PT50 0002 0123 1234 5678 9015 4."),
        ("", "The server is 192.168.0.17."),
    ],
)
def test_what_names_or_reaches_a_person_is_tagged(topic: str, text: str) -> None:
    assert tags_of(topic, text) == ["pii"]


@pytest.mark.parametrize("text", ["I love hiking.", "I was born in 1984.", "Version 1.2.3 is out.", "It costs 12,500."])
def test_other_facts_are_not(text: str) -> None:
    assert tags_of("taste: hiking", text) == []


@given(st.text(), st.text())
def test_no_text_breaks_the_tags(topic: str, text: str) -> None:
    assert tags_of(topic, text) in ([], ["pii"])
