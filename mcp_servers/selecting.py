"""Parts of long results: chosen fields of each record, and one page after the other.

A tool says which lists of its result are records (`expose(..., records=Records("runs"))`); served to clients, it then
takes `fields` and, where its records come in pages, `cursor`. A page is read afresh, so what changed in between shows.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Any, cast

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools.base import Tool
from mcp_types import CallToolResult

from mcp_servers.structured import with_content, with_schema

PAGE = 100  # records a page, of a tool that has no limit of its own
FIELDS, CURSOR, NEXT = "fields", "cursor", "next_cursor"
_LIMITS = ("limit", "most")
_KEPT = "id"  # stays in each record that has one, so that it can be read or cited
_FIELDS_SCHEMA = {
    "description": "Only these fields of each record.",
    "type": "array",
    "items": {"type": "string", "maxLength": 80},
    "maxItems": 30,
}
_CURSOR_SCHEMA = {"description": "next_cursor of the same call, for what follows.", "type": "string", "maxLength": 200}
_NEXT_SCHEMA = {"description": "Send it as cursor for what follows; absent at the end.", "type": "string"}


@dataclass(frozen=True)
class Records:
    """Lists of a tool's result that are records, beside each other; `pages` where they are cut into pages."""

    lists: tuple[str, ...]
    pages: bool = True

    def __init__(self, *lists: str, pages: bool = True) -> None:
        object.__setattr__(self, "lists", lists)
        object.__setattr__(self, "pages", pages)


@dataclass(frozen=True)
class Part:
    """What of a result is asked for: these fields (all where there are none) of `size` records (all where it is 0).

    `limited`: the tool was asked for no more than this page; `last`: it gives no more than this page.
    """

    fields: tuple[str, ...]
    start: int
    size: int
    of: str
    limited: bool
    last: bool


def selectable(tool: Tool) -> Tool:
    """Return the tool as it is served; as it was if it declares no records or has parameters of these names."""
    records = cast("Records | None", getattr(tool, "records", None))
    known = tool.parameters.get("properties", {})
    if records is None or FIELDS in known or CURSOR in known:
        return tool
    added = {FIELDS: _FIELDS_SCHEMA} | ({CURSOR: _CURSOR_SCHEMA} if records.pages else {})
    given = {**tool.parameters, "properties": {**known, **added}}
    schema = tool.fn_metadata.output_schema or {}
    parts = {name: _partial(each) if name in records.lists else each for name, each in schema["properties"].items()}
    schema = {**schema, "properties": parts | ({NEXT: _NEXT_SCHEMA} if records.pages else {})}
    return with_schema(tool, schema, parameters=given, selects=True)


def asked_part(tool: Tool, records: Records, arguments: dict[str, Any]) -> tuple[Part, dict[str, Any]]:
    """Return which part is asked for, and the arguments of the call that has it; raises ToolError."""
    inner = {name: value for name, value in arguments.items() if name not in (FIELDS, CURSOR)}
    properties = tool.parameters["properties"]
    limit = next((name for name in _LIMITS if name in properties), "")
    of = hashlib.sha256(json.dumps(inner, sort_keys=True, default=str).encode()).hexdigest()[:12]
    start = _start(arguments[CURSOR], of) if arguments.get(CURSOR) else 0
    fields = _fields(tool, records, arguments)
    size = inner.get(limit, properties[limit]["default"]) if limit else PAGE
    if not records.pages or not isinstance(size, int):  # what is no number is refused by the tool itself
        return Part(fields, 0, 0, of, limited=False, last=True), inner
    if not limit:
        return Part(fields, start, size, of, limited=False, last=False), inner
    most = int(properties[limit]["maximum"])
    if start:
        inner[limit] = min(start + size, most)
    return Part(fields, start, size, of, limited=True, last=start + size >= most), inner


def selected(records: Records, part: Part, result: CallToolResult) -> CallToolResult:
    """Return the part of a result that was asked for; a full page of a limited result may be the last one."""
    whole = cast("dict[str, Any]", result.structured_content or {})
    made = dict(whole)
    more = False
    for name in records.lists:
        found = cast("list[Any]", whole.get(name, []))
        if part.size:
            end = part.start + part.size
            more = more or (len(found) >= end if part.limited else len(found) > end)
            found = found[part.start : end]
        if part.fields:
            kept = {*part.fields, _KEPT}
            found = [{key: value for key, value in each.items() if key in kept} for each in found]
        if name in whole:
            made[name] = found
    if more and not part.last:
        made[NEXT] = _cursor(part.start + part.size, part.of)
    return result if made == whole else with_content(result, made)


def _partial(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list whose records may have any of their fields."""
    items = {key: value for key, value in schema["items"].items() if key != "required"}
    return {**schema, "items": items}


def _fields(tool: Tool, records: Records, arguments: dict[str, Any]) -> tuple[str, ...]:
    given: Any = arguments.get(FIELDS) or []
    asked = cast("list[Any]", given) if isinstance(given, list) else [given]
    properties = (tool.output_schema or {})["properties"]
    known = list(dict.fromkeys(key for name in records.lists for key in properties[name]["items"]["properties"]))
    if any(name not in known for name in asked):
        raise ToolError(f"{tool.name} was not called. fields: send a list of some of {', '.join(known)}.")
    return tuple(asked)


def _cursor(start: int, of: str) -> str:
    return base64.urlsafe_b64encode(f"{start}.{of}".encode()).decode().rstrip("=")


def _start(cursor: Any, of: str) -> int:
    try:
        text = base64.urlsafe_b64decode(str(cursor) + "=" * (-len(str(cursor)) % 4)).decode("ascii")
        start, _, belongs = text.partition(".")
        if belongs == of and start.isdecimal() and 0 < int(start) <= 1_000_000:
            return int(start)
    except (binascii.Error, UnicodeError, ValueError):
        pass
    raise ToolError(
        "This cursor is of another call. Send next_cursor as it was given, with the other arguments as they were; "
        "without cursor for the beginning."
    )
