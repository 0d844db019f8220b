"""Slides, spreadsheets, books, mail and scans become passages whose place and table can be told."""

from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from lyceum.errors import UserError
from mcp_servers.retrieval.chunks import chunk
from mcp_servers.retrieval.extract import extract

A = "http://schemas.openxmlformats.org/drawingml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def zipped(files: dict[str, str]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return written.getvalue()


def slide(title: str, body: str, table: str = "") -> str:
    def shape(text: str, kind: str) -> str:
        return (
            f'<p:sp><p:nvSpPr><p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr>'
            f"<p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
        )

    tree = shape(title, "title") + shape(body, "body") + table
    return f'<p:sld xmlns:a="{A}" xmlns:p="{P}"><p:cSld><p:spTree>{tree}</p:spTree></p:cSld></p:sld>'


def slides() -> bytes:
    cell = "<a:tc><a:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></a:txBody></a:tc>"
    rows = "".join(f"<a:tr>{cell.format(a)}{cell.format(b)}</a:tr>" for a, b in (("site", "staff"), ("Lyon", "42")))
    links = "".join(
        f'<Relationship Id="r{n}" Target="slides/slide{n}.xml" '
        'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"/>'
        for n in (1, 2)
    )
    return zipped(
        {
            "ppt/presentation.xml": f'<p:presentation xmlns:p="{P}" xmlns:r="{R}"><p:sldIdLst>'
            '<p:sldId id="1" r:id="r2"/><p:sldId id="2" r:id="r1"/></p:sldIdLst></p:presentation>',
            "ppt/_rels/presentation.xml.rels": f"<Relationships>{links}</Relationships>",
            "ppt/slides/slide1.xml": slide("Sites", "Where we are", f"<a:tbl>{rows}</a:tbl>"),
            "ppt/slides/slide2.xml": slide("Welcome", "The plan for 2027"),
        }
    )


def test_slides_are_pages_in_the_order_they_are_shown_and_their_tables_stay_tables() -> None:
    chunks = list(chunk(extract(slides(), ".pptx"), target=800, most=1300))
    assert [(c.locator, c.text) for c in chunks if c.kind == "text"] == [
        ("page 1", "The plan for 2027"),
        ("page 2", "Where we are"),
    ]
    assert [c.text for c in chunks if c.kind == "table"] == ["site | staff\nLyon | 42"]
    assert chunks[0].heading == "Welcome"


def test_a_long_sheet_is_cut_between_rows_and_every_part_knows_its_columns() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Stock"
    sheet.append(["part", "shelf", "count"])
    for number in range(200):
        sheet.append([f"bolt {number}", f"A{number}", number])
    written = io.BytesIO()
    book.save(written)
    parts = list(chunk(extract(written.getvalue(), ".xlsx"), target=800, most=1300))
    assert len(parts) > 2
    assert {part.kind for part in parts} == {"table"}
    assert all(part.columns == "part | shelf | count" for part in parts[1:])
    assert all(line.count(" | ") == 2 for part in parts for line in part.text.splitlines())
    assert sum(len(part.text.splitlines()) for part in parts) == 201


def test_a_book_is_read_in_reading_order() -> None:
    book = zipped(
        {
            "META-INF/container.xml": '<container xmlns="urn:x"><rootfiles><rootfile full-path="o/p.opf"/></rootfiles>'
            "</container>",
            "o/p.opf": '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
            "<metadata><dc:title>Tides</dc:title><dc:creator>Ann Reef</dc:creator></metadata><manifest>"
            '<item id="b" href="b.xhtml"/><item id="a" href="a%20one.xhtml"/></manifest>'
            '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>',
            "o/a one.xhtml": "<html><body><h1>Ebb</h1><p>Water falls.</p></body></html>",
            "o/b.xhtml": "<html><body><h1>Flow</h1><p>Water rises.</p></body></html>",
        }
    )
    document = extract(book, ".epub")
    assert document.text.split("\n\n") == ["Ebb", "Water falls.", "Flow", "Water rises."]
    assert document.fields == {"title": "Tides", "author": "Ann Reef"}


def message(subject: str, text: str, html: str = "") -> EmailMessage:
    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = subject, "Ann <ann@example.org>", "bob@example.org"
    made["Date"] = "Tue, 03 Mar 2026 10:00:00 +0100"
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    return made


def test_a_message_has_its_headers_as_fields_and_names_what_is_attached() -> None:
    made = message("Zählerstand", "Der Stand ist 4711.")
    made.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="stand.pdf")
    document = extract(made.as_bytes(), ".eml")
    assert "4711" in document.text
    assert "stand.pdf" in document.text
    assert document.fields["date"] == "2026-03-03"
    assert document.fields["subject"] == "Zählerstand"


def test_a_mailbox_keeps_every_message_apart() -> None:
    box = b"".join(
        b"From ann@example.org Tue Mar  3 10:00:00 2026\n"
        + message(f"Number {n}", f"Body {n}\n\n>From here on").as_bytes()
        + b"\n"
        for n in range(3)
    )
    headings = [block.label for block in extract(box, ".mbox").blocks if block.kind == "heading"]
    assert headings == ["Number 0", "Number 1", "Number 2"]


@pytest.mark.parametrize("suffix", [".pptx", ".xlsx", ".epub", ".mbox", ".eml"])
@pytest.mark.parametrize("data", [b"PK\x03\x04 cut", zipped({"a": "b"}), b"\x00\xff" * 40, b"hello"])
def test_what_is_no_such_file_says_so(suffix: str, data: bytes) -> None:
    with pytest.raises(UserError) as refused:
        extract(data, suffix)
    assert refused.value.next_step


def test_an_entity_in_a_slide_reads_no_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    bomb = f'<!DOCTYPE p [<!ENTITY x SYSTEM "{(tmp_path / "secret").as_uri()}">]>' + slide("&x;", "safe words")
    assert "hunter2" not in extract(zipped({"ppt/slides/slide1.xml": bomb}), ".pptx").text


@pytest.mark.extra
async def test_a_scanned_page_is_read_by_ocr(call: Any, tmp_path: Path) -> None:
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (1240, 500), "white")
    ImageDraw.Draw(picture).text((80, 150), "The gate opens at seven", fill="black", font=ImageFont.load_default(64))
    picture.save(tmp_path / "scan.pdf", resolution=150)
    report = await call("ingest", path=str(tmp_path / "scan.pdf"))
    assert report["errors"] == []
    found = await call("search", query="When does the gate open?", limit=1)
    assert "gate opens at seven" in found["sources"][0]["text"]
    assert found["sources"][0]["locator"] == "page 1"
