"""Memory as a file: JSON Lines that bring everything back as it was, and Markdown for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, cast

from pydantic import BaseModel

from lyceum.errors import UserError
from memory.scope import OWN, Scope
from memory.sql import Connection, Database, Row

FORMAT = "lyceum-memory"
VERSION = 1
# What is kept of each table, in the order in which it is written. Vectors are made again from the text.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "block": ("agent", "project", "label", "description", "text", "most", "read_only", "version"),
    "edit": ("agent", "project", "label", "version", "restored", "text", "who", "why", "at", "key"),
    "turn": (
        "agent", "project", "thread", "number", "speaker", "origin", "said", "recorded", "text", "key", "consolidated",
    ),
    "fact": (
        "agent", "project", "ref", "topic", "text", "tags", "sources", "origin", "confidence", "valid_from", "valid_to",
        "recorded", "retired", "superseded_by",
    ),
    "summary": ("agent", "project", "thread", "upto", "text", "who", "at"),
    "forgotten": ("thread", "last"),
}  # fmt: skip
_TABLE = {
    "block": "blocks", "edit": "block_edits", "turn": "turns", "fact": "facts", "summary": "summaries",
    "forgotten": "forgotten",
}  # fmt: skip
_ORDER = {
    "block": "agent, project, label", "edit": "agent, project, label, version", "turn": "id", "fact": "id",
    "summary": "thread", "forgotten": "thread",
}  # fmt: skip
_NAME = {
    "block": ("agent", "project", "label"), "edit": ("agent", "project", "label", "version"),
    "turn": ("thread", "number"), "fact": ("ref",), "summary": ("thread",), "forgotten": ("thread",),
}  # fmt: skip


class Imported(BaseModel):
    """How many records of each kind were added; `present` were there already, the same; `refused` differ from those."""

    added: dict[str, int] = {}
    present: int = 0
    refused: list[str] = []


def exported(file: Database, scope: Scope) -> Iterator[str]:
    """Yield the lines of everything that is known about the scope's user; the first one names the format."""
    yield json.dumps({"format": FORMAT, "version": VERSION})
    for kind, columns in _COLUMNS.items():
        sql = f"SELECT {', '.join(columns)} FROM {_TABLE[kind]} WHERE {OWN} ORDER BY {_ORDER[kind]}"  # noqa: S608
        for row in file.rows(sql, *scope.owner):
            yield json.dumps({"kind": kind, **{name: row[name] for name in columns}}, ensure_ascii=False)


def imported(file: Database, scope: Scope, lines: Iterable[str]) -> Imported:
    """Bring back what `exported` wrote, for the scope's user, all or nothing; what is there already is left as it is.

    Raises UserError naming the line that cannot be read.
    """
    result = Imported()
    with file.transaction(scope) as database:
        for number, line in enumerate(lines, 1):
            if line.strip():
                record = _record(line, number)
                if number > 1:
                    _add(database, file.errors, scope, record, number, result)
    return result


def _record(line: str, number: int) -> dict[str, Any]:
    try:
        read: Any = json.loads(line)
    except ValueError:
        read = None
    record = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
    if number == 1:
        if record.get("format") != FORMAT:
            raise UserError("This is no memory export.", next_step=f"Its first line names the format, {FORMAT}.")
        if record.get("version") != VERSION:
            raise UserError(
                f"This export has version {record.get('version')}.", next_step="Import it with a newer release."
            )
    elif record.get("kind") not in _COLUMNS:
        raise UserError(f"Line {number} is no record of a memory export.", next_step="Export it again.")
    return record


def _add(
    database: Connection,
    errors: tuple[type[Exception], ...],
    scope: Scope,
    record: dict[str, Any],
    number: int,
    result: Imported,
) -> None:
    kind: str = record["kind"]
    columns, table = _COLUMNS[kind], _TABLE[kind]
    missing = [name for name in columns if name not in record]
    if missing:
        raise UserError(f"Line {number} lacks {', '.join(missing)}.", next_step="Export it again.")
    names = tuple(record[name] for name in _NAME[kind])
    where = " AND ".join(f"{name} = ?" for name in _NAME[kind])
    owner, values = (f"{OWN} AND ", scope.owner) if kind != "fact" else ("", ())  # a fact's id is unique among all
    marks = ", ".join("?" * (len(columns) + 2))
    try:
        held = database.execute(f"SELECT * FROM {table} WHERE {owner}{where}", (*values, *names)).fetchone()  # noqa: S608
        if held is None:
            sql = f"INSERT INTO {table}(tenant, user, {', '.join(columns)}) VALUES ({marks})"  # noqa: S608
            database.execute(sql, (*scope.owner, *(record[name] for name in columns)))
    except errors as error:
        reason = type(error).__name__
        raise UserError(f"Line {number} cannot be kept ({reason}).", next_step="Export it again.") from error
    if held is not None:
        content = "text" if "text" in columns else "last"
        same = (held["tenant"], held["user"]) == scope.owner and held[content] == record[content]
        result.present += same
        result.refused += [] if same else [f"{kind} {' '.join(map(str, names))}"]
        return
    result.added[kind] = result.added.get(kind, 0) + 1


def markdown(file: Database, scope: Scope) -> str:
    """Return what is known as a page that a person can read: blocks, facts, summaries and the conversations."""
    parts = ["# Memory"]
    blocks = file.rows(f"SELECT * FROM blocks WHERE {OWN} ORDER BY label, agent, project", *scope.owner)  # noqa: S608
    parts += [f"## Block {row['label']}\n\n{row['description']}\n\n{_quoted(row['text'])}" for row in blocks]
    facts = file.rows(f"SELECT * FROM facts WHERE {OWN} ORDER BY valid_from, id", *scope.owner)  # noqa: S608
    if facts:
        parts.append("## Facts\n\n" + "\n".join(map(_fact_line, facts)))
    for row in file.rows(f"SELECT * FROM summaries WHERE {OWN} ORDER BY thread", *scope.owner):  # noqa: S608
        parts.append(f"## Summary of {row['thread']} up to turn {row['upto']}\n\n{_quoted(row['text'])}")
    thread = None
    for row in file.rows(f"SELECT * FROM turns WHERE {OWN} ORDER BY thread, number", *scope.owner):  # noqa: S608
        if row["thread"] != thread:
            thread = row["thread"]
            parts.append(f"## Conversation {thread}")
        told = f"**{row['number']}. {row['speaker']}** ({row['said'][:16]}, {row['origin']})"
        parts.append(f"{told}\n\n{_quoted(row['text'])}")
    return "\n\n".join(parts) + "\n"


def _fact_line(row: Row) -> str:
    until = f" until {row['valid_to'][:10]}" if row["valid_to"] else ""
    sources = ", ".join(json.loads(row["sources"]))
    return f"- {' '.join(row['text'].split())} (since {row['valid_from'][:10]}{until}; {sources or row['origin']})"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
