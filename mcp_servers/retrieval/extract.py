"""From a file's bytes to plain text and blocks, one function a format."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import cast

from lyceum.errors import UserError
from mcp_servers.retrieval.document import Block, Document, Writer, with_gaps_filled

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_PARAGRAPH = re.compile(r"\S[^\n]*(?:\n[^\S\n]*\S[^\n]*)*")
_TOP_LEVEL = re.compile(r"\n\s*\n(?=[^\s)}\]])")
_CONTROL = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
GUESSED = "windows-1252"
PACKED = frozenset((".pdf", ".docx", ".pptx", ".epub", ".xlsx", ".eml", ".mbox"))  # not decoded as text here
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}

CODE = frozenset(
    """
    .py .pyi .js .jsx .mjs .ts .tsx .java .kt .kts .scala .go .rs .c .h .cc .cpp .hpp .cs .swift .rb .php .pl .lua .r
    .jl .m .sh .bash .zsh .ps1 .sql .css .scss .less .vue .svelte .dart .ex .exs .erl .hs .ml .clj .tf .proto .graphql
    .json .jsonl .yaml .yml .toml .ini .cfg .conf .xml .ipynb
    """.split()
)
PROSE = frozenset(".txt .text .log .rst .adoc .org .tex .srt .vtt".split())


def extract(data: bytes, suffix: str) -> Document:
    """Return the text of a file; raises UserError saying what is wrong with it and what to do."""
    if not data.strip():
        raise UserError("It is empty.", next_step="Nothing to do, unless text was expected.")
    if suffix not in PACKED and not is_text(data):
        raise UserError("It is not text.", next_step="Save it as UTF-8 text or as PDF.")
    document = _EXTRACTORS.get(suffix, _code if suffix in CODE else _prose)(data)
    if not document.text.strip():
        raise UserError("It has no text.", next_step="Nothing to do, unless text was expected.")
    if suffix not in PACKED and encoding_of(data) == GUESSED:
        return replace(document, warning="It is not UTF-8; it was read as Windows-1252.", remedy="Convert it to UTF-8.")
    return document


def is_text(data: bytes) -> bool:
    """Tell text from other bytes: no control characters but white space, unless a mark announces UTF-16."""
    return encoding_of(data) == "utf-16" or not _CONTROL.search(data[:8192])


def encoding_of(data: bytes) -> str:
    """Return the encoding by byte order mark, else UTF-8 where it fits, else Windows-1252, a guess."""
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return GUESSED
    return encoding


def decode(data: bytes) -> str:
    """Return text with single line feeds."""
    text = data.decode(encoding_of(data), errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")


def _prose(data: bytes) -> Document:
    text = decode(data)
    return Document(text, tuple(Block(m.start(), m.end()) for m in _PARAGRAPH.finditer(text)), "line")


def _code(data: bytes) -> Document:
    """Blocks begin where a line stands at the margin after a blank one: mostly definitions."""
    text = decode(data)
    starts = [0, *(match.end() for match in _TOP_LEVEL.finditer(text)), len(text)]
    blocks = (Block(start, end, "code") for start, end in pairwise(starts))
    return Document(text, tuple(blocks), "line")


def _markdown(data: bytes) -> Document:
    from markdown_it import MarkdownIt

    text = decode(data)
    front = _FRONT_MATTER.match(text)
    offset = front.end() if front else 0
    lines = [0]
    for line in text[offset:].split("\n"):
        lines.append(lines[-1] + len(line) + 1)
    blocks = [Block(0, offset)] if front else []
    tokens = MarkdownIt("commonmark").enable("table").parse(text[offset:])
    for number, token in enumerate(tokens):
        if token.map is None or token.level or token.nesting < 0:
            continue
        start, end = (min(offset + lines[line], len(text)) for line in token.map)
        if token.type == "heading_open":
            label = " ".join(tokens[number + 1].content.split())
            blocks.append(Block(start, end, "heading", int(token.tag[1]), label))
        elif token.type in ("fence", "code_block"):
            blocks.append(Block(start, end, "code"))
        else:
            blocks.append(Block(start, end, "table" if token.type == "table_open" else "text"))
    return Document(text, with_gaps_filled(text, blocks), "line", fields=_front_fields(front[0]) if front else {})


def _front_fields(front: str) -> dict[str, str]:
    """Return what front matter says in single values; lists of words joined, the rest left out."""
    import yaml

    try:
        said = yaml.safe_load(front.strip().strip("-"))
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    if not isinstance(said, dict):
        return {}
    writer = Writer()
    held = cast("dict[object, object]", said)
    values = {
        str(name): " ".join(map(str, cast("list[object]", value))) if isinstance(value, list) else value
        for name, value in held.items()
        if not isinstance(value, dict)
    }
    return dict(writer.document("line", fields=values).fields)


def _html(data: bytes) -> Document:
    from mcp_servers.retrieval.html import read_html

    return read_html(data)


def _pdf(data: bytes) -> Document:
    from mcp_servers.retrieval.office import read_pdf

    return read_pdf(data)


def _docx(data: bytes) -> Document:
    from mcp_servers.retrieval.office import read_docx

    return read_docx(data)


def _pptx(data: bytes) -> Document:
    from mcp_servers.retrieval.packed import read_pptx

    return read_pptx(data)


def _epub(data: bytes) -> Document:
    from mcp_servers.retrieval.packed import read_epub

    return read_epub(data)


def _xlsx(data: bytes) -> Document:
    from mcp_servers.retrieval.sheets import read_xlsx

    return read_xlsx(data)


def _eml(data: bytes) -> Document:
    from mcp_servers.retrieval.mail import read_eml

    return read_eml(data)


def _mbox(data: bytes) -> Document:
    from mcp_servers.retrieval.mail import read_mbox

    return read_mbox(data)


def _notebook(data: bytes) -> Document:
    """A notebook's cells without their outputs, which are results and not text anyone wrote."""
    import json

    from pydantic import BaseModel, ValidationError

    class Cell(BaseModel):
        cell_type: str
        source: str | list[str]

    class Notebook(BaseModel):
        cells: list[Cell]

    try:
        notebook = Notebook.model_validate(json.loads(decode(data)))
    except (ValueError, ValidationError):
        raise UserError("It is not a Jupyter notebook.", next_step="Open and save it in Jupyter (format 4).") from None
    writer = Writer()
    for cell in notebook.cells:
        source = cell.source if isinstance(cell.source, str) else "".join(cell.source)
        if cell.cell_type == "code":
            writer.add(source, "code")
        else:
            _write_markdown(source, writer)
    return writer.document("paragraph")


def _write_markdown(source: str, writer: Writer) -> None:
    inner = _markdown(source.encode())
    for block in inner.blocks:
        text = block.label if block.kind == "heading" else inner.text[block.start : block.end]
        writer.add(text, block.kind, level=block.level)


_EXTRACTORS: dict[str, Callable[[bytes], Document]] = {
    **dict.fromkeys((".md", ".markdown", ".mdx", ".qmd"), _markdown),
    **dict.fromkeys((".html", ".htm", ".xhtml"), _html),
    ".pdf": _pdf,
    ".docx": _docx,
    ".pptx": _pptx,
    ".epub": _epub,
    ".xlsx": _xlsx,
    ".eml": _eml,
    ".mbox": _mbox,
    ".ipynb": _notebook,
}
KNOWN = CODE | PROSE | _EXTRACTORS.keys()
