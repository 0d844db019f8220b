"""Slash commands on a real run store."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.cli.slash import Conversation, command, turns
from lyceum.errors import UserError
from lyceum.events import Answered
from lyceum.run_store import SqliteRunStore


@pytest.fixture
async def talk(tmp_path: Path) -> Conversation:
    store = SqliteRunStore(tmp_path / "runs.db")
    thread = await store.create_thread("genres")
    run = await store.create_run(thread.id, "chat_turn", {"question": "Which genre?"})
    await store.append(run.id, Answered(role="sql", text="Rock"))
    await store.set_status(run.id, "done")
    app = SimpleNamespace(store=store, runtime=SimpleNamespace(team={"sql": None}))
    return Conversation(cast("Any", app), thread.id)


async def test_a_fork_has_the_answers_so_far_and_leaves_the_original(talk: Conversation) -> None:
    original = talk.thread
    await command(talk, "/fork")
    assert talk.thread != original
    [(run, answer)] = await turns(talk)
    assert (run.status, answer.text if answer else "") == ("done", "Rock")


async def test_search_finds_words_of_question_and_answer_together(talk: Conversation) -> None:
    assert talk.thread in await command(talk, "/search genre rock")
    assert talk.thread not in await command(talk, "/search genre jazz")


async def test_export_writes_markdown_and_never_overwrites(talk: Conversation, tmp_path: Path) -> None:
    await command(talk, f"/export {tmp_path / 'talk.md'}")
    assert "## Which genre?\n\nRock" in (tmp_path / "talk.md").read_text()
    with pytest.raises(UserError):
        await command(talk, f"/export {tmp_path / 'talk.md'}")


async def test_a_misspelt_command_or_agent_names_the_nearest(talk: Conversation) -> None:
    for line, name in (("/hlep", "/help"), ("/agent sqll", "sql")):
        with pytest.raises(UserError) as caught:
            await command(talk, line)
        assert name in caught.value.next_step
