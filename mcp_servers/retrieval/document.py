"""What extraction gives and chunking takes: one plain text and the blocks it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Kind = Literal["heading", "text", "code", "table"]
Unit = Literal["page", "line", "paragraph"]
LONGEST_FIELD = 300  # characters


@dataclass(frozen=True)
class Block:
    """A span of the text, in characters. `level` and `label` belong to headings, `page` (from 1) to pages."""

    start: int
    end: int
    kind: Kind = "text"
    level: int = 0
    label: str = ""
    page: int = 0


@dataclass(frozen=True)
class Document:
    """`unit` says how to point into it where no heading helps; `warning`: what was not read, `remedy`: what to do.

    `fields` are what the file says of itself (author, date, subject, ...), to filter by.
    """

    text: str
    blocks: tuple[Block, ...]
    unit: Unit
    warning: str = ""
    remedy: str = ""
    fields: Mapping[str, str] = field(default_factory=dict[str, str])


class Writer:
    """Builds a document from pieces whose place in the original is not a character offset (HTML, DOCX, PDF)."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0

    def add(self, text: str, kind: Kind = "text", *, level: int = 0, page: int = 0) -> None:
        text = text.strip("\n") if kind == "code" else text.strip()
        if not text.strip():
            return
        end = self._length + len(text)
        self._blocks.append(Block(self._length, end, kind, level, text if kind == "heading" else "", page))
        self._parts.append(text)
        self._length = end + 2

    def document(
        self, unit: Unit, *, warning: str = "", remedy: str = "", fields: Mapping[str, object] | None = None
    ) -> Document:
        """Return what was added; `fields` without those that say nothing, dates in ISO form."""
        said = {name: _said(value) for name, value in (fields or {}).items()}
        kept = {name.lower(): value for name, value in said.items() if value}
        return Document("\n\n".join(self._parts), tuple(self._blocks), unit, warning, remedy, kept)


def _said(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()[:10]
    return " ".join(str(value if value is not None else "").split())[:LONGEST_FIELD]


def with_gaps_filled(text: str, blocks: Iterable[Block]) -> tuple[Block, ...]:
    """Return the blocks in order, and a text block for everything between them that is not blank."""
    filled: list[Block] = []
    position = 0
    for block in [*sorted(blocks, key=lambda block: block.start), Block(len(text), len(text))]:
        if text[position : block.start].strip():
            filled.append(Block(position, block.start))
        if block.start >= position and block.end > block.start:
            filled.append(block)
        position = max(position, block.end)
    return tuple(filled)
