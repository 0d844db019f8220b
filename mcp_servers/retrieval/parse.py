"""Files as text with places in it: pages of a PDF, headings of Markdown, HTML and DOCX, lines of anything else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lyceum.errors import UserError

MARKDOWN = (".md", ".markdown", ".rst")
CODE = (
    ".py", ".js", ".ts", ".java", ".go", ".rs", ".c", ".h", ".cpp", ".sh", ".sql", ".toml", ".yaml", ".yml", ".json",
)  # fmt: skip
TEXT = (".txt", ".text", ".log")
HTML = (".html", ".htm")
READABLE = (*MARKDOWN, *CODE, *TEXT, *HTML, ".pdf", ".docx")


@dataclass(frozen=True)
class Part:
    """A stretch of a document: `locator` says where it is, for people."""

    locator: str
    text: str


def parse(path: Path) -> list[Part]:
    """Read one file; raises UserError with what is wrong with it and what to do."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".pdf":
            return _pdf(path)
        if suffix == ".docx":
            return _docx(path)
        text = path.read_bytes().decode("utf-8")
    except UserError:
        raise
    except UnicodeDecodeError:
        raise UserError(f"{path.name} is not UTF-8 text.", next_step="Convert it to UTF-8.") from None
    except Exception as error:  # noqa: BLE001 - the parsers raise whatever a broken file makes them raise
        raise UserError(f"{path.name} cannot be read ({error}).", next_step="Open and save it again.") from None
    if suffix in HTML:
        return _html(text)
    return _headed(text) if suffix in MARKDOWN else _lined(text)


def _pdf(path: Path) -> list[Part]:
    import logging

    import pypdf

    logging.getLogger("pypdf").setLevel(logging.ERROR)
    reader = pypdf.PdfReader(path)
    if reader.is_encrypted and not reader.decrypt(""):
        raise UserError(f"{path.name} is encrypted.", next_step="Save it without a password.")
    pages = [Part(f"page {number}", page.extract_text()) for number, page in enumerate(reader.pages, 1)]
    pages = [page for page in pages if page.text.strip()]
    if not pages:
        raise UserError(f"{path.name} holds no text (a scan?).", next_step="Run OCR on it first.")
    return pages


def _docx(path: Path) -> list[Part]:
    import docx

    parts: list[Part] = []
    heading, lines = "start", list[str]()
    for paragraph in docx.Document(str(path)).paragraphs:
        style = paragraph.style.name if paragraph.style is not None else ""
        if (style or "").startswith(("Heading", "Title")) and paragraph.text.strip():
            parts.append(Part(f"heading {heading}", "\n".join(lines)))
            heading, lines = paragraph.text.strip(), []
        else:
            lines.append(paragraph.text)
    return [part for part in [*parts, Part(f"heading {heading}", "\n".join(lines))] if part.text.strip()]


def _html(text: str) -> list[Part]:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(text, "lxml")
    for unwanted in soup(["script", "style", "nav", "template", "noscript"]):
        unwanted.decompose()
    for heading in soup(["h1", "h2", "h3", "h4"]):
        heading.string = f"\n## {heading.get_text(' ', strip=True)}\n"
    for block in soup(["p", "li", "tr", "div", "br"]):
        block.append("\n")
    return _headed(re.sub(r"\n\s*\n+", "\n\n", soup.get_text()))


def _headed(text: str) -> list[Part]:
    """Cut at Markdown headings; a `#` inside a code fence is a comment, not a heading."""
    parts: list[Part] = []
    heading, lines, fenced = "", list[str](), False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        found = None if fenced else re.match(r"#{1,6}\s+(.+)", line)
        if found:
            parts.append(Part(f"heading {heading}" if heading else "start", "\n".join(lines)))
            heading, lines = found.group(1).strip(), []
        else:
            lines.append(line)
    parts.append(Part(f"heading {heading}" if heading else "start", "\n".join(lines)))
    return [part for part in parts if part.text.strip()]


def _lined(text: str) -> list[Part]:
    lines = text.splitlines()
    cut = range(0, len(lines), 40)
    parts = [Part(f"lines {n + 1}-{min(n + 40, len(lines))}", "\n".join(lines[n : n + 40])) for n in cut]
    return [part for part in parts if part.text.strip()]
