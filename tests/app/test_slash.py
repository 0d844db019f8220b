"""Slash commands, typed into a conversation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.cli.slash import COMMANDS
from lyceum.events import Answered
from lyceum.runs import Run


async def answered(app: Any, thread: str, question: str, text: str) -> Run:
    run = await app.store.create_run(thread, "chat_turn", {"question": question})
    await app.store.append(run.id, Answered(role="sql", text=text))
    await app.store.set_status(run.id, "done")
    return run


async def test_help_names_every_command(seat: Any) -> None:
    async with seat() as at:
        at.type("/help\r")
        await at.until("/quit")
        assert all(name in at.read for name in COMMANDS)


@pytest.mark.parametrize(("line", "nearest"), [("/hlep", "/help"), ("/agent sqll", "sql"), ("/plan onn", "on")])
async def test_a_misspelt_command_agent_or_mode_names_the_nearest(seat: Any, line: str, nearest: str) -> None:
    async with seat() as at:
        at.type(f"{line}\r")
        await at.until(f"Did you mean '{nearest}'?")


async def test_plan_and_agent_choose_who_takes_the_next_turn(seat: Any) -> None:
    async with seat() as at:
        at.type("/plan on\r/plan\rWhich genre has the most tracks?\r/plan off\r/agent researcher\r")
        at.type("What is attention? And which genre has the most tracks?\r/runs\r/agent auto\r")
        await at.until("asking whoever fits")
        assert "planning: on; no turn of this thread was planned yet" in at.read
        assert "→ planner: you asked for a plan" in at.read
        assert "✓ s1 sql: Which genre has the most tracks?" in at.read
        assert "→ researcher: you chose it" in at.read
        assert at.read.count("  done  ") == 2
        assert at.talk.plan is False


async def test_a_model_is_switched_for_the_next_turn_and_an_unknown_one_is_refused(seat: Any) -> None:
    async with seat(offline=False, model="offline") as at:
        at.type("/model opnai:x\r/model\r/model openai-compatible:m\r")
        await at.until("/model openai-compatible:m")
        await at.until("answered by offline")
        assert "'openai'" in at.read
        assert at.talk.model == "default"  # there is no URL to reach it at
        at.type("/model offline\rWhich genre has the most tracks?\r")
        await at.until("Rock")
        assert at.talk.model == "offline"


async def test_a_conversation_started_offline_stays_offline(seat: Any) -> None:
    async with seat() as at:
        at.type("/model openai:gpt-5-mini\r")
        await at.until("This conversation is offline.")
        assert at.talk.model == "default"


async def test_attach_sources_and_cost_belong_to_the_thread(seat: Any, tmp_path: Path) -> None:
    page = tmp_path / "kites.md"
    page.write_text("# Kites\n\n## Refunds\nCustomers may return a kite within 45 days.\n")
    async with seat() as at:
        at.type("/sources\r/attach\r/attach /no/such/file\r")
        at.type(f"/attach {page}\rHow long may customers return a kite?\r/sources\r/cost\r")
        await at.until("0 tokens, ")
        for said in (
            "No answer here has sources yet.",
            "/attach needs a file",
            "does not exist",
            "attached collection",
        ):
            assert said in at.read
        assert "[1] kites.md, heading Refunds" in at.read


async def test_a_fork_has_the_answers_so_far_and_leaves_the_original(seat: Any) -> None:
    async with seat() as at:
        original = at.talk.thread
        await answered(at.app, original, "Which genre?", "Rock")
        at.type("/fork other\r/runs\r")
        await at.until("Which genre?")
        assert at.talk.thread != original
        await answered(at.app, at.talk.thread, "Which artist?", "Iron Maiden")
        at.type(f"/resume {original[:8]}\r/runs\r/resume\r")
        await at.until("  other")
        assert at.talk.thread == original
        assert "Which artist?" not in at.read


async def test_search_finds_words_of_question_and_answer_in_every_thread(seat: Any) -> None:
    async with seat() as at:
        other = await at.app.store.create_thread("other")
        await answered(at.app, other.id, "Which genre sells most?", "Rock, by far: “Ça ira” too")
        at.type("/search\r/search genres rock\r/search ca ira\r/search genre jazz\r/search \"'*-\r/cost\r")
        await at.until("0 tokens, ")
        assert at.read.count(f"{other.id}  Which genre sells most? → Rock") == 2
        assert at.read.count("Nothing matches") == 2
        assert "/search needs words" in at.read


async def test_export_writes_markdown_and_never_overwrites(seat: Any, tmp_path: Path) -> None:
    async with seat() as at:
        await answered(at.app, at.talk.thread, "Which genre?", "Rock")
        at.type(f"/export {tmp_path / 'talk.md'}\r/export {tmp_path / 'talk.md'}\r")
        await at.until("cannot be written")
        assert "## Which genre?\n\nRock" in (tmp_path / "talk.md").read_text()


async def test_clear_starts_a_new_thread_and_keeps_the_old_one(seat: Any) -> None:
    async with seat() as at:
        old = at.talk.thread
        at.type("/clear\r")
        await at.until("a new thread")
        assert at.talk.thread != old
        assert (await at.app.store.thread(old)).id == old


async def test_resume_finishes_what_a_thread_left_undone(seat: Any) -> None:
    async with seat() as at:
        other = await at.app.store.create_thread("left")
        question = {"question": "Which genre has the most tracks?"}
        await at.app.engine.submit("chat_turn", question, thread=other.id)
        at.type(f"/resume {other.id}\r")
        await at.until("Rock")
        [run] = await at.app.store.runs(thread=other.id)
        assert run.status == "done"
