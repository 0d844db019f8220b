"""E-mail as text: one message (.eml) or a box of them (.mbox), newest parts of a thread as they were sent."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage, MIMEPart
from email.utils import parsedate_to_datetime

from lyceum.errors import UserError
from mcp_servers.retrieval.document import Document, Writer

_BEGIN = re.compile(rb"(?m)^From [^\n]*\n")
_ESCAPED = re.compile(rb"(?m)^>(>*From )")
MOST_MESSAGES = 20_000


def read_eml(data: bytes) -> Document:
    """Read one message; its sender, recipients, day and subject are fields to filter by."""
    message = _message(data)
    writer = Writer()
    _write(message, writer, level=1)
    fields = {
        "from": _header(message, "From"), "to": _header(message, "To"), "date": _day(message),
        "subject": _header(message, "Subject"),
    }  # fmt: skip
    return writer.document("paragraph", fields=fields)


def read_mbox(data: bytes) -> Document:
    """Read every message of a box under a heading of its own; raises UserError where it holds none."""
    writer = Writer()
    count = 0
    for raw in _split(data):
        count += 1
        if count > MOST_MESSAGES:
            break
        _write(_message(raw), writer, level=1)
    if not count:
        raise UserError("It is not a mailbox in mbox form.", next_step="Export it as mbox, or the messages as .eml.")
    warning = f"Only the first {MOST_MESSAGES} messages were read." if count > MOST_MESSAGES else ""
    return writer.document("paragraph", warning=warning, remedy="Split the box.")


def _split(data: bytes) -> Iterator[bytes]:
    starts = [match for match in _BEGIN.finditer(data) if match.start() == 0 or data[: match.start()].endswith(b"\n\n")
              or data[: match.start()].endswith(b"\r\n\r\n")]  # fmt: skip
    for number, start in enumerate(starts):
        end = starts[number + 1].start() if number + 1 < len(starts) else len(data)
        yield _ESCAPED.sub(rb"\1", data[start.end() : end])


def _message(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    if not message.keys():
        raise UserError("It is not an e-mail message.", next_step="Save it as .eml, with its headers.")
    return message


def _write(message: EmailMessage, writer: Writer, level: int) -> None:
    from mcp_servers.retrieval.html import write_html

    writer.add(_header(message, "Subject") or "(no subject)", "heading", level=level)
    lines = (f"{name}: {value}" for name in ("From", "To", "Cc", "Date") if (value := _header(message, name)))
    writer.add("\n".join(lines))
    body = message.get_body(("plain", "html"))
    text = _content(body) if body is not None else ""
    if body is not None and body.get_content_type() == "text/html":
        write_html(text.encode(), writer)
    else:
        for paragraph in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
            writer.add(paragraph)
    names = [name for part in message.iter_attachments() if (name := part.get_filename())]
    writer.add(f"Attachments (not read): {', '.join(names)}" if names else "")


def _content(part: MIMEPart) -> str:
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # a charset that does not exist
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, IndexError, AttributeError):  # the parser of the standard library fails on some malformed ones
        return ""


def _day(message: EmailMessage) -> str:
    try:
        return parsedate_to_datetime(_header(message, "Date")).date().isoformat()
    except (ValueError, TypeError, IndexError):
        return ""
