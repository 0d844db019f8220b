"""Text of scanned pages: PDFium draws them, RapidOCR reads them; both come with the extra `ocr`."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from lyceum.extras import install_command
from lyceum.onnx import silence

MISSING = f"Install the ocr extra: {install_command('ocr')}"
MOST_PAGES = 200  # at about two seconds a page
DOTS_PER_INCH = 150
SURE = 0.5  # lines read with less are noise more often than text

_LOCK = threading.Lock()  # PDFium is not safe to use from several threads


def is_installed() -> bool:
    return find_spec("rapidocr") is not None and find_spec("pypdfium2") is not None


def read_pages(data: bytes, pages: Sequence[int]) -> dict[int, str]:
    """Return the text of these pages (from 1), lines from top to bottom; pages without any are left out."""
    pdfium: Any = importlib.import_module("pypdfium2")
    numpy: Any = importlib.import_module("numpy")
    found: dict[int, str] = {}
    with _LOCK:
        document = pdfium.PdfDocument(data)
        try:
            for page in pages[:MOST_PAGES]:
                bitmap = document[page - 1].render(scale=DOTS_PER_INCH / 72)
                read = _engine()(numpy.asarray(bitmap.to_pil().convert("RGB")))
                lines = [
                    str(text)
                    for text, score in zip(read.txts or (), read.scores or (), strict=True)
                    if float(score) >= SURE
                ]
                if lines:
                    found[page] = "\n".join(lines)
        finally:
            document.close()
    return found


@lru_cache(maxsize=1)
def _engine() -> Any:
    silence()  # it loads ONNX Runtime
    rapidocr: Any = importlib.import_module("rapidocr")
    return rapidocr.RapidOCR(params={"Global.log_level": "critical"})
