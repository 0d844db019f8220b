"""Web pages as text: headings, paragraphs, code and tables, without scripts and navigation."""

from __future__ import annotations

import re
import warnings
from itertools import groupby

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PageElement, PreformattedString, Tag

from mcp_servers.retrieval.document import Document, Kind, Writer

_NOISE = ["script", "style", "noscript", "template", "nav", "svg", "iframe", "form", "button", "head"]
_HEADING = re.compile(r"h[1-6]")
_BLOCKS = frozenset(
    """
    address article aside blockquote body caption dd details div dl dt fieldset figcaption figure footer
    h1 h2 h3 h4 h5 h6 header hr html li main ol p pre section summary table td th tr ul
    """.split()
)


def read_html(data: bytes) -> Document:
    writer = Writer()
    fields = write_html(data, writer)
    return writer.document("paragraph", fields=fields)


def write_html(data: bytes, writer: Writer) -> dict[str, object]:
    """Add a page to `writer`; returns what the page says of itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # XHTML read as HTML and texts that look like a path or an address are fine
        soup = BeautifulSoup(data, "lxml")
    title = " ".join(soup.title.get_text().split()) if soup.title else ""
    said = {
        str(tag.get("name") or tag.get("property") or "").lower(): tag.get("content") for tag in soup.find_all("meta")
    }
    fields: dict[str, object] = {
        "title": title,
        "author": said.get("author"),
        "date": str(said.get("date") or said.get("article:published_time") or "")[:10],
        "language": soup.html.get("lang") if soup.html else None,
    }
    for noise in soup.find_all(_NOISE):
        noise.decompose()
    if title and not soup.find("h1"):
        writer.add(title, "heading", level=1)
    strings = [node for node in soup.descendants if _is_text(node)]
    for owner, group in groupby(strings, key=_owner):
        texts = list(group)
        if owner.name == "table":
            writer.add(_table(texts), "table")
        elif owner.name == "pre":
            writer.add("".join(str(text) for text in texts), "code")
        else:
            kind: Kind = "heading" if _HEADING.fullmatch(owner.name) else "text"
            joined = " ".join("".join(str(text) for text in texts).split())
            prefix = "- " if owner.name == "li" else ""
            writer.add(prefix + joined if joined else "", kind, level=int(owner.name[1]) if kind == "heading" else 0)
    return fields


def _is_text(node: PageElement) -> bool:
    return isinstance(node, NavigableString) and not isinstance(node, PreformattedString)


def _owner(node: PageElement) -> Tag:
    """The element whose block a text belongs to: its outermost table, its `pre`, else its nearest block element."""
    chain = [parent for parent in node.parents if parent.name in _BLOCKS]
    tables = [parent for parent in chain if parent.name == "table"]
    code = [parent for parent in chain if parent.name == "pre"]
    return (tables[-1:] or code or chain or list(node.parents))[0]


def _table(texts: list[PageElement]) -> str:
    rows: list[str] = []
    for _, row in groupby(texts, key=lambda text: id(text.find_parent("tr"))):
        cells = groupby(row, key=lambda text: id(text.find_parent(["td", "th", "caption"])))
        joined = (" ".join("".join(str(text) for text in cell).split()) for _, cell in cells)
        rows.append(" | ".join(cell for cell in joined if cell))
    return "\n".join(row for row in rows if row)
