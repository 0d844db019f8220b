from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyceum.errors import UserError
from memory.imports import import_file, read
from memory.scope import Scope
from memory.store import MemoryStore

ANA = Scope(user="ana")


@pytest.fixture
def memory(opened: Callable[..., MemoryStore]) -> MemoryStore:
    return opened()


def saved(folder: Path, data: Any, name: str = "export.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def node(name: str, parent: str | None, role: str, text: str, children: list[str]) -> dict[str, Any]:
    message = {"author": {"role": role}, "content": {"content_type": "text", "parts": [text]}, "create_time": 1.7e9}
    return {"id": name, "parent": parent, "children": children, "message": message if role else None}


def test_a_chatgpt_export_brings_the_branch_that_was_kept(memory: MemoryStore, tmp_path: Path) -> None:
    mapping = {
        "r": node("r", None, "", "", ["q"]),
        "q": node("q", "r", "user", "I live in Porto.", ["a1", "a2"]),
        "a1": node("a1", "q", "assistant", "An answer that was made anew.", []),
        "a2": node("a2", "q", "assistant", "Nice city.", []),
    }
    data = [{"title": "t", "conversation_id": "c1", "create_time": 1.7e9, "mapping": mapping, "current_node": "a2"}]
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conversations.json", json.dumps(data))
    done = import_file(memory, ANA, path)
    assert done.added["turn"] == 2
    assert [(turn.id, turn.origin, turn.text) for turn in memory.log.latest(ANA)] == [
        ("turn:chatgpt-c1/1", "user", "I live in Porto."),
        ("turn:chatgpt-c1/2", "assistant", "Nice city."),
    ]
    again = import_file(memory, ANA, path)
    assert (again.added["turn"], again.present) == (0, 2)


def test_a_claude_export_keeps_who_said_what_and_when(memory: MemoryStore, tmp_path: Path) -> None:
    messages = [
        {"uuid": "1", "sender": "human", "text": "My name is Ana.", "created_at": "2026-05-01T10:00:00Z"},
        {"uuid": "2", "sender": "assistant", "content": [{"type": "text", "text": "Hello."}], "created_at": None},
    ]
    import_file(memory, ANA, saved(tmp_path, [{"uuid": "c", "name": "n", "chat_messages": messages}]))
    by_speaker = {turn.speaker: turn for turn in memory.log.latest(ANA)}
    assert by_speaker["user"].said.isoformat() == "2026-05-01T10:00:00+00:00"
    memory.consolidation.run(ANA)
    assert [fact.text for fact in memory.archive.facts(ANA)] == ["My name is Ana."]


@pytest.mark.parametrize("version", [1, 2])
def test_a_letta_agent_file_brings_its_blocks_and_messages(memory: MemoryStore, tmp_path: Path, version: int) -> None:
    blocks = [{"label": "human", "value": "Ana, a nurse.", "limit": 5000, "description": "the user"}]
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "You are Letta."}]},
        {"id": "m1", "role": "user", "content": [{"type": "text", "text": "Hi"}], "created_at": "2025-04-01T09:00:00"},
        {
            "id": "m2",
            "role": "tool",
            "content": [{"type": "text", "text": "rain"}],
            "created_at": "2025-04-01T09:01:00",
        },
    ]
    first = {"name": "Sam", "core_memory": blocks, "messages": messages}
    second = {"agents": [{"name": "Sam", "messages": messages}], "blocks": blocks}
    path = saved(tmp_path, first if version == 1 else second, "sam.af")
    import_file(memory, ANA, path)
    assert memory.blocks.get(ANA, "human").text == "Ana, a nurse."
    assert [(turn.speaker, turn.origin) for turn in memory.log.latest(ANA)] == [("user", "user"), ("tool", "tool")]


def test_mem0_memories_are_facts_that_were_concluded_and_a_changed_block_is_refused(
    memory: MemoryStore, tmp_path: Path
) -> None:
    rows = [{"id": "1", "memory": "Likes tea", "created_at": "2026-01-02T00:00:00+00:00", "categories": ["food"]}]
    import_file(memory, ANA, saved(tmp_path, {"results": rows}))
    [fact] = memory.archive.facts(ANA)
    assert (fact.text, fact.origin, fact.tags, fact.valid_from.year) == ("Likes tea", "assistant", ["food"], 2026)
    assert import_file(memory, ANA, saved(tmp_path, rows)).present == 1


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"results": 3}', '[{"mapping": 1}]', '[{"chat_messages": [{}]}]', "[[]]"]
)
def test_what_is_no_export_is_refused_with_the_products_that_are_known(text: str) -> None:
    with pytest.raises(UserError):
        read(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["mapping", "chat_messages", "agents", "blocks", "core_memory", "results", "memory", "label"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(JSON)
def test_no_file_breaks_the_import(data: Any) -> None:
    with contextlib.suppress(UserError):
        read(json.dumps(data))
