"""Structure-aware chunks: a heading opens one, paragraphs fill it, code and tables stay whole where they fit.

Chunks never overlap (neighbours can be read instead) and never cross a page, so that a citation names one page.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mcp_servers.retrieval.document import Block, Document, Unit

_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]\s*")
_LINE_END = re.compile(r"\n")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Chunk:
    """`text` is exactly the document's text from `start` to `end`; `heading` is the path to it.

    The headings right above a passage are its path and not its text, unless nothing else is in it.
    """

    start: int
    end: int
    text: str
    heading: str
    locator: str


def chunk(document: Document, *, target: int, most: int) -> Iterator[Chunk]:
    """Pack blocks into chunks of about `target` and at most `most` characters."""
    place = _Places(document)
    path: list[Block] = []
    held: list[Block] = []
    for block in _fitting(document, most):
        if held and not _joins(held, block, target, most):
            yield place.chunk(held, path)
            held = []
        if block.kind == "heading":
            path = [above for above in path if above.level < block.level] + [block]
        held.append(block)
    if held:
        yield place.chunk(held, path)


def _joins(held: Sequence[Block], block: Block, target: int, most: int) -> bool:
    if block.page != held[0].page:
        return False
    if block.kind == "heading":  # one that ends the section above would lose that section's name
        return all(above.kind == "heading" for above in held) and block.level > held[-1].level
    start = _start(held)
    return held[-1].kind == "heading" or (held[-1].end - start < target and block.end - start <= most)


def _start(blocks: Sequence[Block]) -> int:
    return next((block.start for block in blocks if block.kind != "heading"), blocks[0].start)


def _fitting(document: Document, most: int) -> Iterator[Block]:
    """Yield the blocks without blank edges, those longer than `most` cut at the best boundaries."""
    for block in document.blocks:
        start = block.start
        while start < block.end:
            end = block.end if block.end - start <= most else _boundary(document.text, start, most, block)
            piece = document.text[start:end]
            blank = len(piece) - len(piece.lstrip()) if block.kind != "code" else _blank_lines(piece)
            if piece.strip():
                yield replace(block, start=start + blank, end=start + len(piece.rstrip()))
            start = end


def _blank_lines(piece: str) -> int:
    """Length of the blank lines that code starts with; its indentation is kept."""
    blank = len(piece) - len(piece.lstrip())
    return piece.rfind("\n", 0, blank) + 1


def _boundary(text: str, start: int, most: int, block: Block) -> int:
    ends = (_LINE_END, _SPACE) if block.kind in ("code", "table") else (_SENTENCE_END, _LINE_END, _SPACE)
    window_start, window_end = start + most // 2, start + most
    for end in ends:
        found = [match.end() for match in end.finditer(text, window_start, window_end)]
        if found:
            return found[-1]
    return window_end


class _Places:
    """Says where a chunk is, in the words of its kind of document."""

    def __init__(self, document: Document) -> None:
        self._text = document.text
        self._unit: Unit = document.unit
        self._lines = [match.start() for match in re.finditer("\n", document.text)] if self._unit == "line" else []
        self._starts = [block.start for block in document.blocks]

    def chunk(self, blocks: Sequence[Block], path: Sequence[Block]) -> Chunk:
        start, end = _start(blocks), blocks[-1].end
        heading = " > ".join(block.label for block in path)
        return Chunk(start, end, self._text[start:end], heading, self._locator(start, end, blocks[0].page, heading))

    def _locator(self, start: int, end: int, page: int, heading: str) -> str:
        if self._unit == "page":
            return f"page {page}"
        if heading:
            return f"heading {heading}"
        if self._unit == "line":
            return _range("line", bisect.bisect_left(self._lines, start) + 1, bisect.bisect_left(self._lines, end) + 1)
        return _range("paragraph", bisect.bisect_right(self._starts, start), bisect.bisect_left(self._starts, end))


def _range(unit: str, first: int, last: int) -> str:
    return f"{unit} {first}" if first == last else f"{unit}s {first}-{last}"
