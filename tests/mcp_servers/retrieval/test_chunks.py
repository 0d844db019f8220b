"""Chunks are exact slices that together hold every word of a document, whatever it looks like."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyceum.errors import UserError
from mcp_servers.retrieval.chunks import chunk
from mcp_servers.retrieval.document import Document
from mcp_servers.retrieval.extract import extract, is_text

LINES = st.sampled_from(
    ["# One", "## Two", "Title\n===", "---", "", "  ", "word " * 30, "A sentence. Another one! Done?", "- item",
     "> quote", "```\ncode {\n\n}\n```", "    indented code", "| a | b |\n| - | - |\n| 1 | 2 |", "<div>html</div>",
     "[ref]: /url", "```", "\ttab", "日本語の文章です。", "é\u0301", "\u2028", "\x0c", "x" * 300,
     "def f():\n    return 1"]
)  # fmt: skip
TEXTS = st.lists(LINES | st.text(max_size=40), max_size=25).map("\n".join)


@given(text=TEXTS, suffix=st.sampled_from([".md", ".txt", ".py"]), target=st.integers(40, 200))
def test_chunks_are_exact_slices_in_order_and_miss_no_word(text: str, suffix: str, target: int) -> None:
    try:
        document = extract(text.encode("utf-8", "surrogatepass"), suffix)
    except UserError:
        assert not text.strip() or not is_text(text.encode("utf-8", "surrogatepass"))
        return
    chunks = list(chunk(document, target=target, most=2 * target))
    position = 0
    for piece in chunks:
        assert piece.text == document.text[piece.start : piece.end]
        assert piece.text.strip()
        assert len(piece.text) <= 2 * target
        left_out = set(re.findall(r"\w+", document.text[position : piece.start]))
        # A heading longer than a chunk is cut, so what is left out may be a part of one of its words.
        assert all(word in piece.heading for word in left_out), "only a passage's own headings are not its text"
        position = piece.end
    assert not document.text[position:].strip()


@given(
    text=st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=2000),
    target=st.integers(40, 200),
)
def test_plain_chunks_stay_within_the_limit(text: str, target: int) -> None:
    document = extract(b"x" + text.encode(), ".txt")
    assert all(len(piece.text) <= 2 * target for piece in chunk(document, target=target, most=2 * target))


def test_headings_with_nothing_below_them_stay_within_the_limit() -> None:
    assert max(map(len, chunks_of("# One\n" + "x" * 78 + "\n---", most=80))) <= 80


def chunks_of(text: str, suffix: str = ".md", most: int = 400) -> list[str]:
    return [piece.text for piece in chunk(extract(text.encode(), suffix), target=most // 2, most=most)]


def test_a_heading_opens_a_chunk_and_names_it_and_an_empty_section_is_kept() -> None:
    document = extract(b"# Top\n\n## A\n\nFirst.\n\n## Empty\n\n## B\n\nSecond.", ".md")
    pieces = [(piece.heading, piece.text) for piece in chunk(document, target=200, most=400)]
    assert pieces == [("Top > A", "First."), ("Top > Empty", "## Empty"), ("Top > B", "Second.")]


def test_code_that_fits_is_never_cut() -> None:
    code = "```python\n" + "\n\n".join(f"line_{n} = {n}" for n in range(18)) + "\n```"
    assert code in chunks_of("Text before. " * 20 + "\n\n" + code + "\n\n" + "Text after. " * 20)


def test_long_prose_is_cut_after_a_sentence() -> None:
    pieces = chunks_of("This sentence is repeated many times over. " * 60, ".txt")
    assert len(pieces) > 4
    assert all(piece.endswith(".") for piece in pieces)


def test_an_underlined_front_matter_is_no_heading() -> None:
    document = extract(b"---\ntitle: A\n---\n\n# Real\n\nText.", ".md")
    assert [block.label for block in document.blocks if block.kind == "heading"] == ["Real"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
def test_text_is_read_in_the_encodings_that_people_have(encoding: str) -> None:
    document: Document = extract("Crème brûlée\r\nfor two".encode(encoding), ".txt")
    assert document.text == "Crème brûlée\nfor two"
