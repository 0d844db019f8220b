"""The stores by their settings: what the product remembers in PostgreSQL, and what it says where there is none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lyceum.errors import OperatorError, StoreFailed
from lyceum.events import Answered
from memory.scope import Scope
from memory.store import MemoryStore

ANA = Scope(user="ana")


@pytest.mark.extra
@pytest.mark.service
async def test_a_chat_remembers_in_postgresql_and_writes_no_file(
    wired: Callable[..., Any], postgres: str, tmp_path: Path
) -> None:
    import psycopg

    from workflows.chat_turn import ChatRequest

    with psycopg.connect(postgres, autocommit=True) as held:
        held.execute("DROP SCHEMA IF EXISTS lyceum_memory CASCADE")

    async def say(text: str) -> Answered:
        async with wired(servers={"memory": {"url": postgres}}) as app:
            thread = await app.store.create_thread("t")
            run = await app.engine.drive(
                await app.engine.submit("chat_turn", ChatRequest(question=text), thread=thread.id)
            )
        assert run.status == "done", run.error
        return Answered.model_validate(run.result)

    await say("I live in Porto.")
    await say("I just moved to Lisbon.")
    answer = await say("Where do I live?")
    assert "I just moved to Lisbon." in answer.claims[0].text
    assert "Porto" in answer.text
    assert answer.sources[0].kind == "turn"
    assert not (tmp_path / "home" / "memory.db").exists()


@pytest.mark.extra
def test_a_server_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path, url="postgresql://ana:hunter2@127.0.0.1:9/memory")
    with pytest.raises(StoreFailed, match=r"servers\.memory\.url") as raised:
        store.log.latest(ANA)
    assert "hunter2" not in f"{raised.value} {raised.value.next_step}"


def test_another_address_and_a_missing_driver_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OperatorError, match="no address of PostgreSQL"):
        MemoryStore(tmp_path, url="mysql://x").log.latest(ANA)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(OperatorError, match=r"driver is not installed.*\n?.*requirements/postgres"):
        MemoryStore(tmp_path, url="postgresql://x").log.latest(ANA)
