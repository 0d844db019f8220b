"""Formats that are zipped XML: slides (PPTX) and books (EPUB)."""

from __future__ import annotations

import importlib
import io
import posixpath
import re
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from lyceum.errors import UserError
from mcp_servers.retrieval.document import Document, Writer

etree: Any = importlib.import_module("lxml.etree")  # by name: it has no types

MOST_UNPACKED = 500_000_000  # bytes; a small zip can unpack to anything
_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_SLIDES = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_SLIDE = re.compile(r"ppt/slides/slide(\d+)\.xml")


def check_size(archive: zipfile.ZipFile) -> None:
    """Raise UserError where an archive would fill the memory, as a bomb does."""
    if sum(entry.file_size for entry in archive.infolist()) > MOST_UNPACKED:
        raise UserError("It unpacks to more than 500 MB.", next_step="Split it, or remove its images.")


@contextmanager
def opened(data: bytes, what: str) -> Generator[zipfile.ZipFile]:
    """Open a zipped document; raises UserError where it is none, damaged, encrypted or a bomb."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check_size(archive)
            yield archive
    except (zipfile.BadZipFile, etree.XMLSyntaxError, KeyError, ValueError, RuntimeError, NotImplementedError):
        raise UserError(f"It is not a readable {what}.", next_step="Open it, save it again, and retry.") from None


def _xml(archive: zipfile.ZipFile, name: str) -> Any:
    """Parse a member; entities are not resolved and nothing is fetched."""
    return etree.fromstring(archive.read(name), etree.XMLParser(resolve_entities=False, no_network=True))


def read_pptx(data: bytes) -> Document:
    """Read slides in order, a page each: title, texts, tables, and the speaker's notes."""
    with opened(data, "PowerPoint file") as archive:
        names = archive.namelist()
        slides = sorted((int(match[1]), name) for name in names if (match := _SLIDE.fullmatch(name)))
        if not slides:
            raise UserError("It is not a readable PowerPoint file.", next_step="Save it as .pptx and retry.")
        writer = Writer()
        for page, (number, name) in enumerate(_in_order(archive, slides), 1):
            for shape in _xml(archive, name).iter(f"{_SLIDES}sp", f"{_DRAWING}tbl"):
                if shape.tag.endswith("}tbl"):
                    rows = ([_text(cell) for cell in row.iter(f"{_DRAWING}tc")] for row in shape.iter(f"{_DRAWING}tr"))
                    writer.add("\n".join(" | ".join(row) for row in rows), "table", page=page)
                else:
                    kinds = {place.get("type", "") for place in shape.iter(f"{_SLIDES}ph")}
                    title = bool(kinds & {"title", "ctrTitle"})
                    writer.add(_text(shape, "\n"), "heading" if title else "text", level=1 if title else 0, page=page)
            notes = f"ppt/notesSlides/notesSlide{number}.xml"
            if notes in names:
                bodies = (
                    _text(shape, "\n")
                    for shape in _xml(archive, notes).iter(f"{_SLIDES}sp")
                    if any(place.get("type") == "body" for place in shape.iter(f"{_SLIDES}ph"))
                )
                spoken = "\n".join(filter(None, bodies))
                writer.add(f"Notes: {spoken}" if spoken else "", page=page)
        return writer.document("page", fields=_properties(archive))


def _in_order(archive: zipfile.ZipFile, slides: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return the slides as they are shown; by number where the presentation does not say."""
    try:
        links = _xml(archive, "ppt/_rels/presentation.xml.rels")
        names = {link.get("Id"): posixpath.normpath(posixpath.join("ppt", link.get("Target", ""))) for link in links}
        shown = [names[key] for each in _xml(archive, "ppt/presentation.xml").iter(f"{_SLIDES}sldId")
                 if (key := _relation(each)) in names]  # fmt: skip
    except KeyError:
        return slides
    numbers = {name: number for number, name in slides}
    return [(numbers[name], name) for name in shown if name in numbers] or slides


def _relation(element: Any) -> str:
    return next((value for name, value in element.attrib.items() if name.endswith("}id")), "")


def _text(element: Any, between: str = " ") -> str:
    paragraphs = ("".join(run.text or "" for run in p.iter(f"{_DRAWING}t")) for p in element.iter(f"{_DRAWING}p"))
    return between.join(text.strip() for text in paragraphs if text.strip())


def _properties(archive: zipfile.ZipFile) -> dict[str, object]:
    try:
        core = _xml(archive, "docProps/core.xml")
    except KeyError:
        return {}
    said = {etree.QName(each).localname: each.text for each in core if isinstance(each.tag, str)}
    return {"title": said.get("title"), "author": said.get("creator"), "date": (said.get("created") or "")[:10]}


def read_epub(data: bytes) -> Document:
    """Read the chapters of a book in reading order, each as a web page."""
    from mcp_servers.retrieval.html import write_html

    with opened(data, "EPUB") as archive:
        container = _xml(archive, "META-INF/container.xml")
        root = next((each.get("full-path") for each in container.iter("{*}rootfile")), None)
        if root is None:
            raise UserError("It is not a readable EPUB.", next_step="Open it in an e-book editor and save it again.")
        package = _xml(archive, root)
        if "META-INF/encryption.xml" in archive.namelist() and "rights.xml" in " ".join(archive.namelist()):
            raise UserError("It is protected against copying.", next_step="Ingest an unprotected copy.")
        files = {item.get("id"): item.get("href") for item in package.iter("{*}item")}
        writer = Writer()
        for reference in package.iter("{*}itemref"):
            target = files.get(reference.get("idref"))
            name = posixpath.normpath(posixpath.join(posixpath.dirname(root), unquote(target or "")))
            if target and name in archive.namelist():
                write_html(archive.read(name), writer)
        said = {etree.QName(each).localname: each.text for each in package.iter("{http://purl.org/dc/elements/1.1/}*")}
        fields = {
            name: said.get(key) for name, key in (("title", "title"), ("author", "creator"), ("language", "language"))
        }
        return writer.document("paragraph", fields={**fields, "date": (said.get("date") or "")[:10]})
