"""Structure-aware chunks: a heading opens one, paragraphs fill it, code and tables stay whole where they fit.

Chunks never overlap (neighbours can be read instead) and never cross a page, so that a citation names one page.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mcp_servers.retrieval.document import Block, Document, Kind, Unit

_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]\s*")
_LINE_END = re.compile(r"\n")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Chunk:
    """`text` is exactly the document's text from `start` to `end`; `heading` is the path to it.

    The headings right above a passage are its path and not its text, unless nothing else is in it. `locator` says the
    place to people, `anchor` is the fragment of a link to it ("page=3", "L10-L24"), where its kind of file has one.
    `columns` is the first row of a table that this is a later part of.
    """

    start: int
    end: int
    text: str
    heading: str
    locator: str
    anchor: str
    kind: Kind = "text"
    columns: str = ""


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
        below = all(above.kind == "heading" for above in held) and block.level > held[-1].level
        return below and block.end - held[0].start <= most  # they are the text where nothing follows them
    if "table" in (block.kind, held[-1].kind) and held[-1].kind != "heading":
        return False  # a table is a passage of its own
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
                columns = document.text[block.start : block.end].lstrip().partition("\n")[0]
                later = block.kind == "table" and start > block.start and len(columns) <= most // 4
                label = columns if later else block.label
                yield replace(block, start=start + blank, end=start + len(piece.rstrip()), label=label)
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
        headings = [block for block in document.blocks if block.kind == "heading"]
        top = [block for block in headings if block.level == min(each.level for each in headings)]
        self._title = top[0].start if len(top) == 1 else -1

    def chunk(self, blocks: Sequence[Block], path: Sequence[Block]) -> Chunk:
        start, end = _start(blocks), blocks[-1].end
        heading = " > ".join(block.label for block in path)
        locator, anchor = self._place(start, end, blocks[0].page)
        if path and self._unit != "page":  # the document's own title says nothing that its name does not
            below = [block.label for block in path if block.start != self._title]
            locator = f"heading {' > '.join(below or [path[0].label])}"
        last = blocks[-1]
        columns = last.label if last.kind == "table" else ""
        return Chunk(start, end, self._text[start:end], heading, locator, anchor, last.kind, columns)

    def _place(self, start: int, end: int, page: int) -> tuple[str, str]:
        if self._unit == "page":
            return f"page {page}", f"page={page}"
        if self._unit == "line":
            first, last = (bisect.bisect_left(self._lines, place) + 1 for place in (start, end))
            return _range("line", first, last), f"L{first}-L{last}"
        first, last = bisect.bisect_right(self._starts, start), bisect.bisect_left(self._starts, end)
        return _range("paragraph", first, last), ""


def _range(unit: str, first: int, last: int) -> str:
    return f"{unit} {first}" if first == last else f"{unit}s {first}-{last}"
