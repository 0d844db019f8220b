"""What comes out of a sandbox is a claim: it is parsed within bounds, and what is not what it says is left out."""

from __future__ import annotations

import base64
import binascii
import json
import re
from pathlib import PurePosixPath
from typing import Any, cast

from pydantic import BaseModel, Field, ValidationError, field_validator

from lyceum.artifacts import Artifact
from mcp_servers.sandbox.execution import OUTPUT_BYTES, CodeError, Entry, Keep, Value

ANSWER_BYTES = 16 * 1024 * 1024
CHART_BYTES = 50_000
FILES = 20
PIXELS = 50_000_000  # a picture of more is a bomb for whoever shows it
_PNG = b"\x89PNG\r\n\x1a\n"


class _Shown(BaseModel):
    text: str
    png: str = ""
    chart: dict[str, Any] = Field(default_factory=dict[str, Any])

    @field_validator("text")
    @classmethod
    def _bounded(cls, text: str) -> str:
        return text[:OUTPUT_BYTES]


class _Failure(CodeError):
    @field_validator("name", "value", "traceback")
    @classmethod
    def _bounded(cls, text: str) -> str:
        return text[:4000]


class Claim(BaseModel):
    """One answer of the inside."""

    id: str
    results: list[_Shown] = Field(default_factory=list[_Shown], max_length=10)
    error: _Failure | None = None
    files: dict[str, str] = Field(default_factory=dict[str, str], max_length=FILES)
    data: str = ""
    entries: list[Entry] = Field(default_factory=list[Entry], max_length=1000)
    exit_code: int | None = None

    def values(self, keep: Keep | None) -> list[Value]:
        return [
            Value(
                text=shown.text,
                png=picture(shown.png, keep),
                chart=shown.chart if len(json.dumps(shown.chart)) <= CHART_BYTES else {},
            )
            for shown in self.results
        ]

    def artifacts(self, keep: Keep | None) -> list[Artifact]:
        if keep is None:
            return []
        return [keep(decoded(data), media_type(name), clean_name(name)) for name, data in self.files.items()]


def told(line: bytes, ask: str) -> Claim | None:
    """Return the answer to a request, or None where a line is anything else.

    Raises ValueError where it bears the request's id and is no answer.
    """
    try:
        found: Any = json.loads(line, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or cast("dict[str, Any]", found).get("id") != ask:
        return None
    try:
        return Claim.model_validate(found)
    except (ValidationError, RecursionError) as error:
        raise ValueError("the interpreter's answer made no sense") from error


def picture(encoded: str, keep: Keep | None) -> Artifact | None:
    data = decoded(encoded)
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])  # the first chunk, which has to be IHDR
    real = data.startswith(_PNG) and data[12:16] == b"IHDR" and 0 < width * height <= PIXELS
    return keep(data, "image/png", "chart.png") if keep is not None and real else None


def decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (ValueError, binascii.Error):
        return b""


def clean_name(name: str) -> str:
    """Return a relative name without steps upwards and without characters that a terminal or a log would obey."""
    parts = [re.sub(r"[^\w .+=@()\[\]-]", "_", part) for part in PurePosixPath(name).parts if part not in ("/", "..")]
    return "/".join(parts)[:200] or "file"


_MEDIA = {
    ".csv": "text/csv", ".txt": "text/plain", ".json": "application/json", ".png": "image/png", ".md": "text/markdown",
    ".html": "text/html", ".svg": "image/svg+xml", ".pdf": "application/pdf",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip


def media_type(name: str) -> str:
    return _MEDIA.get(PurePosixPath(name).suffix.lower(), "application/octet-stream")
