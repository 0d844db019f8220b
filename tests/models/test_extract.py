"""What an extractive answer quotes."""

from __future__ import annotations

from lyceum.sources import Source
from models.offline.extract import extract, sentences


def passage(name: str, text: str) -> Source:
    return Source(id=name, kind="passage", title=name, text=text)


def test_a_paragraph_right_below_its_heading_is_read() -> None:
    text = (
        "# Kites\n## Refunds\nCustomers may return a kite within 45 days. Shipping is not refunded.\n## Colours\nAll."
    )
    assert sentences(text) == ["Customers may return a kite within 45 days.", "Shipping is not refunded."]


def test_tables_and_fences_are_no_sentences() -> None:
    assert sentences("| a column | another column |\n\n```python\n\nA line of prose that is long enough.") == [
        "A line of prose that is long enough."
    ]


def test_why_is_answered_with_a_reason_and_how_many_with_a_number() -> None:
    source = passage(
        "wings",
        "A kite flies on a string in the wind. Its sail is curved because a curved sail lifts more. "
        "A kite in the wind of our hills has 2 to 4 strings.",
    )
    assert "because" in extract("Why is the sail curved?", [source], most=2)[-1].text
    assert "2 to 4" in extract("How many strings does a kite have?", [source], most=2)[-1].text


def test_a_drawback_and_a_remedy_are_found_under_other_words() -> None:
    source = passage(
        "kites",
        "A kite is flown on a string. Kites of paper are light and kites of silk are strong. "
        "Their weakness is that rain soaks them. Remedies are wax and varnish.",
    )
    assert "rain" in extract("What are the limitations of kites?", [source], most=2)[-1].text
    assert "varnish" in extract("How do I protect kites of paper?", [source], most=2)[-1].text


def test_a_second_source_adds_a_sentence_only_when_it_is_about_the_question() -> None:
    first = passage("kites", "A kite is flown on a string. Kites need wind to fly.")
    second = passage("wind", "The wind that a kite needs is at least 8 knots.")
    stranger = passage("boats", "A boat is moored with two ropes at the pier.")
    assert [claim.citations for claim in extract("How much wind does a kite need?", [first, second])][-1] == ["wind"]
    assert {claim.citations[0] for claim in extract("How much wind does a kite need?", [first, stranger])} == {"kites"}


def test_a_second_source_that_repeats_the_first_leaves_its_place_to_more_of_the_first() -> None:
    first = passage(
        "kites", "A kite is a toy that is flown on a string. Children like to run with it. A kite has a tail of paper."
    )
    again = passage("glossary", "A kite is a toy flown on a string.")
    claims = extract("What is a kite?", [first, again])
    assert [claim.citations for claim in claims] == [["kites"]] * 3


def test_a_table_answers_with_the_rows_that_are_asked_for() -> None:
    prices = passage("prices", "| who | price |\n| --- | ----- |\n| adult | 14 |\n| child | 5 |")
    assert [claim.text for claim in extract("How much does a child pay?", [prices])] == ["who: child, price: 5"]
    assert len(extract("What are the prices?", [prices])) == 2


def test_nothing_is_quoted_from_passages_without_prose() -> None:
    assert extract("What is a kite?", [passage("empty", "| a | b |")]) == []
    assert extract("What is a kite?", []) == []
