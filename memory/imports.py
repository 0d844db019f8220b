"""What other assistants know, read into ours: Letta agent files, mem0 memories, ChatGPT and Claude exports.

Whoever wrote a turn keeps its trust: the user's own words stay the user's; what a memory product concluded is kept as
concluded. An import can be repeated: what is there already is not added again.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from lyceum.errors import UserError
from memory.archive import New
from memory.blocks import LIMIT, Edit
from memory.exchange import FORMAT, Imported, imported
from memory.recall import Origin, Said
from memory.scope import Scope
from memory.store import MemoryStore

LARGEST = 2_000_000_000  # bytes of an unpacked export
_ORIGINS: dict[str, Origin] = {"user": "user", "human": "user", "assistant": "assistant"}


class ForeignBlock(BaseModel):
    label: str
    text: str
    description: str = ""
    limit: int = LIMIT


class Foreign(BaseModel):
    """What a foreign file holds: turns by thread, facts and blocks; `product` is who wrote it."""

    product: str
    threads: dict[str, list[Said]] = {}
    facts: list[New] = []
    blocks: list[ForeignBlock] = []


def import_file(store: MemoryStore, scope: Scope, path: Path) -> Imported:
    """Read our own export or another product's; raises UserError where it is neither."""
    text = _text_of(path)
    if FORMAT in text[:200]:
        return imported(store.file, scope, text.split("\n"))
    return keep(store, scope, read(text))


def keep(store: MemoryStore, scope: Scope, foreign: Foreign) -> Imported:
    """Keep what was read: turns as they were said, facts with their times, blocks where there is none of the name."""
    result = Imported(added={"turn": 0, "fact": 0, "block": 0})
    for thread, said in foreign.threads.items():
        place = scope.model_copy(update={"thread": thread})
        before = _count(store, scope, thread)
        store.log.add(place, said)
        result.added["turn"] += _count(store, scope, thread) - before
    for new in foreign.facts:
        outcome = store.archive.insert(scope, new)
        result.added["fact"] += outcome.action != "duplicate"
    held = {block.label: block for block in store.blocks.all(scope)}
    for block in foreign.blocks:
        if block.label in held and held[block.label].text:
            if held[block.label].text != block.text:
                result.refused.append(f"block {block.label}")
            continue
        limit = max(block.limit, len(block.text))
        store.blocks.define(scope, block.label, description=block.description, limit=limit)
        store.blocks.rethink(scope, block.label, block.text, Edit(who="import", why=foreign.product))
        result.added["block"] += 1
    whole = sum(map(len, foreign.threads.values())) + len(foreign.facts) + len(foreign.blocks)
    result.present = whole - sum(result.added.values()) - len(result.refused)
    return result


def read(text: str) -> Foreign:
    """Read another product's export from its JSON; raises UserError naming the products that are known."""
    try:
        data: Any = json.loads(text)
    except ValueError as error:
        raise UserError(
            f"The file is no JSON ({error}).", next_step="Import the export as it was downloaded."
        ) from None
    try:
        found = _read(data)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise UserError(
            f"The export cannot be read ({type(error).__name__}: {error}).", next_step="Export it again."
        ) from error
    if found is None:
        raise UserError(
            "This is no export that is known here.",
            next_step="Known: lyceum memory export, Letta (.af), mem0, ChatGPT and Claude (conversations.json).",
        )
    return found


def _read(data: Any) -> Foreign | None:
    if isinstance(data, dict):
        known = cast("dict[str, Any]", data)
        if "agents" in known and "blocks" in known:
            return _letta(known)
        if "core_memory" in known:
            return _letta_first(known)
        if "results" in known:
            return _mem0(known["results"])
        return None
    rows = [cast("dict[str, Any]", row) for row in cast("list[Any]", data)] if isinstance(data, list) else []
    if rows and "mapping" in rows[0]:
        return Foreign(product="ChatGPT", threads=dict(map(_chatgpt, rows)))
    if rows and "chat_messages" in rows[0]:
        return Foreign(product="Claude", threads=dict(map(_claude, rows)))
    return _mem0(rows) if rows and "memory" in rows[0] else None


def _letta(data: dict[str, Any]) -> Foreign:
    threads = {
        f"letta-{agent['name']}": list(_letta_said(agent.get("messages") or [], str(agent["name"])))
        for agent in data["agents"]
    }
    return Foreign(product="Letta", threads=threads, blocks=list(map(_letta_block, data["blocks"])))


def _letta_first(data: dict[str, Any]) -> Foreign:
    """Read the first version of the format: one agent, its blocks inside."""
    name = str(data.get("name") or "agent")
    threads = {f"letta-{name}": list(_letta_said(data.get("messages") or [], name))}
    return Foreign(product="Letta", threads=threads, blocks=list(map(_letta_block, data["core_memory"])))


def _letta_block(row: dict[str, Any]) -> ForeignBlock:
    label = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in str(row["label"]))[:64]
    return ForeignBlock(
        label=label,
        text=row.get("value") or "",
        description=row.get("description") or "",
        limit=int(row.get("limit") or LIMIT),
    )


def _letta_said(rows: list[dict[str, Any]], agent: str) -> Iterator[Said]:
    for number, row in enumerate(rows):
        text = _plain(row.get("content")) or str(row.get("text") or "")
        if text and row["role"] != "system":
            origin = _ORIGINS.get(row["role"], "tool")
            speaker = {"user": "user", "assistant": agent, "tool": "tool"}[origin]
            key = str(row.get("id") or number)
            yield Said(text=text, speaker=speaker, origin=origin, said=_time(row.get("created_at")), key=key)


def _mem0(rows: list[dict[str, Any]]) -> Foreign:
    facts = [
        New(
            text=str(row["memory"]),
            tags=[str(tag) for tag in cast("list[Any]", row.get("categories") or [])],
            origin="assistant",
            confidence=0.7,
            valid_from=_time(row.get("updated_at") or row.get("created_at")),
        )
        for row in rows
        if row.get("memory")
    ]
    return Foreign(product="mem0", facts=facts)


def _chatgpt(row: dict[str, Any]) -> tuple[str, list[Said]]:
    """Follow the branch that the conversation ended on: answers that were made anew are not part of it."""
    mapping: dict[str, Any] = row["mapping"]
    node = row.get("current_node") or next((name for name, each in mapping.items() if not each.get("children")), None)
    path: list[Any] = []
    while node in mapping and len(path) <= len(mapping):
        path.append(mapping[node])
        node = mapping[node].get("parent")
    said: list[Said] = []
    for each in reversed(path):
        message: Any = each.get("message") or {}
        author: Any = message.get("author") or {}
        content: Any = message.get("content") or {}
        role, text = author.get("role", "system"), _plain(content.get("parts"))
        if text and role != "system":
            origin = _ORIGINS.get(role, "tool")
            when = _time(message.get("create_time") or row.get("create_time"))
            speaker = {"user": "user", "assistant": "ChatGPT", "tool": "tool"}[origin]
            said.append(Said(text=text, speaker=speaker, origin=origin, said=when, key=str(each["id"])))
    return f"chatgpt-{row.get('conversation_id') or row.get('id') or row['title']}"[:200], said


def _claude(row: dict[str, Any]) -> tuple[str, list[Said]]:
    said: list[Said] = []
    for each in row["chat_messages"]:
        text = _plain(each.get("content")) or str(each.get("text") or "")
        if text:
            origin = _ORIGINS.get(each["sender"], "tool")
            speaker = {"user": "user", "assistant": "Claude", "tool": "tool"}[origin]
            when = _time(each.get("created_at"))
            said.append(Said(text=text, speaker=speaker, origin=origin, said=when, key=str(each["uuid"])))
    return f"claude-{row['uuid']}"[:200], said


def _plain(content: Any) -> str:
    """Return the text of a message's content: a text, or parts of which some are text."""
    if isinstance(content, str):
        return content
    parts = cast("list[Any]", content) if isinstance(content, list) else []
    texts = [part if isinstance(part, str) else str(part.get("text") or "") for part in parts]
    return "\n".join(text for text in texts if text)


def _time(value: Any) -> datetime | None:
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def _count(store: MemoryStore, scope: Scope, thread: str) -> int:
    sql = "SELECT count(*) AS n FROM turns WHERE tenant = ? AND user = ? AND thread = ?"
    row = store.file.one(sql, *scope.owner, thread)
    return int(row["n"]) if row else 0


def _text_of(path: Path) -> str:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                name = next(each for each in archive.namelist() if each.endswith("conversations.json"))
                if archive.getinfo(name).file_size > LARGEST:
                    raise UserError("The export is larger than 2 GB.", next_step="Export fewer conversations.")
                return archive.read(name).decode("utf-8")
        return path.read_text(encoding="utf-8")
    except StopIteration:
        raise UserError(f"{path} holds no conversations.json.", next_step="Import the export as downloaded.") from None
    except (OSError, UnicodeDecodeError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} cannot be read ({error}).", next_step="Check the path.") from error
