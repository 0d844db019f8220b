"""A folder with one real document of every format, and a client of the retrieval server."""

from __future__ import annotations

import io
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import docx
import pytest
from mcp import Client

from lyceum.settings import Settings
from mcp_servers.retrieval.server import create_server
from mcp_servers.services import Services

Call = Callable[..., Coroutine[Any, Any, dict[str, Any]]]

COMPANY = Path(__file__).parents[2] / "fixtures" / "company"
MARKDOWN = """---
title: Kites
---

# Kite shop

Opening remarks.

## Returns

Customers may return a kite within 45 days of purchase.

### Damaged kites

Broken spars are replaced free of charge.

```python
# not a heading
spar = "carbon"
```

| size | price |
| ---- | ----- |
| S    | 20    |
"""
HTML = """<!doctype html><html><head><title>Lamps</title><script>var hidden = 'tracker';</script></head>
<body><nav>Home | About us</nav><h1>Lamps</h1><h2>Bulbs</h2><p>Every lamp takes an <b>E27</b> bulb.</p>
<pre>  watts = 9</pre><table><tr><th>model</th><th>watts</th></tr><tr><td>Nova</td><td>9</td></tr></table>
</body></html>"""


def written_pdf(*pages: str) -> bytes:
    """Write a small PDF by hand: one text line a page; an empty string is a page without text."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids: list[str] = []
    for text in pages:
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        resources = "<< /Font << /F1 3 0 R >> >>"
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects)} 0 R"
        objects.append(f"{page} /Resources {resources} >>")
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    body = b"%PDF-1.4\n"
    places: list[int] = []
    for number, written in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{written}\nendobj\n".encode()
    rows = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return body + f"xref\n0 {size}\n0000000000 65535 f \n{rows}{trailer}".encode()


@pytest.fixture
def pdf() -> Callable[..., bytes]:
    return written_pdf


def word() -> bytes:
    document = docx.Document()
    document.add_heading("Travel policy", level=1)
    document.add_heading("Trains", level=2)
    document.add_paragraph("Staff travel by second class on trains under four hours.")
    table = document.add_table(rows=1, cols=2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "Night train", "first class allowed"
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def word_of(text: str) -> bytes:
    """Write the lines of a text as a Word file: `#` and `##` are headings."""
    document = docx.Document()
    for line in text.splitlines():
        hashes = len(line) - len(line.lstrip("#"))
        if hashes:
            document.add_heading(line[hashes:].strip(), level=hashes)
        else:
            document.add_paragraph(line)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def build_company(folder: Path) -> None:
    """Copy the documents of an invented company, and write two of them as PDF (a page a line) and as DOCX."""
    folder.mkdir()
    for path in sorted(COMPANY.iterdir()):
        text = path.read_text(encoding="utf-8")
        if path.name.endswith(".pages.txt"):
            (folder / path.name.replace(".pages.txt", ".pdf")).write_bytes(written_pdf(*text.splitlines()))
        elif path.name.endswith(".docx.txt"):
            (folder / path.name.removesuffix(".txt")).write_bytes(word_of(text))
        elif path.suffix != ".yaml":
            (folder / path.name).write_text(text, encoding="utf-8")


@pytest.fixture
def company(tmp_path: Path) -> Path:
    build_company(tmp_path / "company")
    return tmp_path / "company"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "docs"
    (made / "code").mkdir(parents=True)
    (made / "kites.md").write_text(MARKDOWN, encoding="utf-8")
    (made / "lamps.html").write_text(HTML, encoding="utf-8")
    (made / "gearbox.pdf").write_bytes(written_pdf("Gearboxes need oil.", "The torque limit of the gearbox is 340 Nm."))
    (made / "travel.docx").write_bytes(word())
    (made / "notes.txt").write_text("The cellar key hangs behind the clock.\n\nFeed the cat at noon.\n")
    (made / "code" / "tide.py").write_text('import math\n\n\ndef tide_height(hour):\n    """Metres."""\n    return 2\n')
    return made


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Call a tool and return its structured content, or `{"error": text}`."""
    home = tmp_path / "home"
    server = create_server(Settings(home=home), Services(home))

    async def call(tool: str, **arguments: Any) -> dict[str, Any]:
        async with Client(server) as client:
            result = await client.call_tool(f"retrieval_{tool}", arguments)
        if result.is_error:
            return {"error": result.content[0].text}  # type: ignore[union-attr]
        assert result.structured_content is not None
        return result.structured_content

    return call
