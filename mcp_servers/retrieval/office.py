"""PDF and Word files as text, by page and by heading."""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Mapping

from lyceum.errors import UserError
from mcp_servers.retrieval import ocr
from mcp_servers.retrieval.document import Document, Writer
from mcp_servers.retrieval.packed import check_size

_HEADING_STYLE = re.compile(r"Heading (\d)")


def read_pdf(data: bytes) -> Document:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns about every flaw that it repairs
    writer = Writer()
    empty: list[int] = []
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UserError("It is encrypted.", next_step="Save a copy without a password and ingest that.")
        pages = len(reader.pages)
        for number in range(1, pages + 1):
            text = _page_text(reader, number)
            for paragraph in re.split(r"\n\s*\n", text):
                writer.add(paragraph, page=number)
            if not text.strip():
                empty.append(number)
    except DependencyError:
        raise UserError("It is encrypted.", next_step="Save a copy without a password and ingest that.") from None
    except (PyPdfError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        # pypdf lets all of these through on files that are cut off or damaged
        raise UserError(
            f"It is not a readable PDF ({type(error).__name__}).", next_step="Open it, save it again, and retry."
        ) from None
    fields = _pdf_fields(reader)
    if empty and ocr.is_installed():
        read = ocr.read_pages(data, empty)
        empty = [page for page in empty if page not in read]
        writer = _with_scanned(writer, read)
        if len(empty) == pages:
            raise UserError(
                "No page has text, and OCR reads none.", next_step="Nothing to do, unless text was expected."
            )
    elif len(empty) == pages:
        raise UserError("No page has text: it is a scan, and OCR is not installed.", next_step=ocr.MISSING)
    warning = f"Without text (images, or damaged): pages {', '.join(map(str, empty[:20]))}." if empty else ""
    remedy = "Nothing to do, unless text was expected." if ocr.is_installed() else ocr.MISSING
    return writer.document("page", warning=warning, remedy=remedy, fields=fields)


def _with_scanned(writer: Writer, read: Mapping[int, str]) -> Writer:
    """Return the pages' texts in order, what was read from images in its place."""
    whole = writer.document("page")
    texts = [(block.page, whole.text[block.start : block.end]) for block in whole.blocks] + list(read.items())
    ordered = Writer()
    for page, text in sorted(texts, key=lambda each: each[0]):
        ordered.add(text, page=page)
    return ordered


def _pdf_fields(reader: object) -> dict[str, object]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    assert isinstance(reader, PdfReader)
    try:
        said = reader.metadata
        return {"title": said.title, "author": said.author, "date": said.creation_date} if said else {}
    except (PyPdfError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return {}


def _page_text(reader: object, number: int) -> str:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    assert isinstance(reader, PdfReader)
    try:
        text = reader.pages[number - 1].extract_text()
    except (PyPdfError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return ""  # one damaged page; it is named in the warning
    return text.replace("\r\n", "\n").replace("\0", "").encode("utf-8", "replace").decode()


def read_docx(data: bytes) -> Document:
    import docx
    from docx.opc.exceptions import OpcError
    from docx.table import Table

    broken = UserError("It is not a readable Word file.", next_step="Open it, save it as .docx, and retry.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check_size(archive)
        document = docx.Document(io.BytesIO(data))
    except (zipfile.BadZipFile, OpcError, KeyError, ValueError, SyntaxError):  # lxml's errors are SyntaxErrors
        raise broken from None
    writer = Writer()
    for item in document.iter_inner_content():
        if isinstance(item, Table):
            rows = (" | ".join(dict.fromkeys(" ".join(cell.text.split()) for cell in row.cells)) for row in item.rows)
            writer.add("\n".join(rows), "table")
            continue
        style = str(item.style.name) if item.style else ""
        heading = _HEADING_STYLE.match(style)
        level = int(heading.group(1)) if heading else 1 if style == "Title" else 0
        writer.add(item.text, "heading" if level else "text", level=level)
    said = document.core_properties
    return writer.document("paragraph", fields={"title": said.title, "author": said.author, "date": said.created})
