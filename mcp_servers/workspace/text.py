"""Text as a file holds it: its encoding, byte order mark and line ends survive an edit byte for byte."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from lyceum.errors import ModelRetry

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class Text:
    r"""A decoded file: `raw` with its own line ends, `mark` the byte order mark; `text` shows each line end as \n."""

    raw: str
    encoding: str = "utf-8"
    mark: bytes = b""

    @property
    def text(self) -> str:
        return self.raw.replace("\r\n", "\n")

    @property
    def line_end(self) -> str:
        windows = self.raw.count("\r\n")
        return "\r\n" if windows * 2 > self.raw.count("\n") else "\n"

    def bytes(self) -> bytes:
        try:
            return self.mark + self.raw.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise ModelRetry(
                f"The file is {self.encoding}, which has no {error.object[error.start]!r}.",
                next_step="Write it another way, in characters that the file's encoding has.",
            ) from None

    def replaced(self, start: int, end: int, new: str) -> Text:
        """Replace a stretch of `text`; its new lines end as the lines around them do."""
        raw = self.raw
        first, last = _raw_place(raw, start), _raw_place(raw, end)
        inside = raw[first:last]
        ends = inside if "\n" in inside else raw
        line_end = "\r\n" if ends.count("\r\n") * 2 > ends.count("\n") else "\n"
        new = new.replace("\r\n", "\n")
        new = new.replace("\n", line_end) if line_end != "\n" else new
        return Text(raw[:first] + new + raw[last:], self.encoding, self.mark)


def as_text(data: bytes) -> Text:
    """Decode a file; raises ModelRetry where it is binary. Decoding and encoding give the same bytes."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], encoding, mark)
    if b"\0" in data:
        raise ModelRetry("The file is binary.", next_step="Only text can be read and edited; it can be moved.")
    try:
        return Text(data.decode("utf-8"))
    except UnicodeDecodeError:
        cookie = re.search(rb"coding[=:]\s*([-\w.]+)", b"\n".join(data.split(b"\n", 2)[:2]))
        return _decoded(data, cookie.group(1).decode() if cookie else "latin-1", b"")


def _decoded(data: bytes, encoding: str, mark: bytes) -> Text:
    try:
        text = Text(data.decode(encoding), encoding, mark)
        if text.bytes() == mark + data:
            return text
    except (UnicodeError, LookupError, ModelRetry):
        pass
    if mark:
        raise ModelRetry("The file is not the text that its first bytes promise.", next_step="Leave it as it is.")
    return Text(data.decode("latin-1"), "latin-1")


def _raw_place(raw: str, place: int) -> int:
    r"""Turn a place in the text with plain line ends into one in the text with its own: before a \r\n, not in it."""
    met = 0
    for end in re.finditer("\r\n", raw):
        if end.start() - met >= place:
            break
        met += 1
    return place + met
