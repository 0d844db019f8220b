"""The reviewer, in real turns: what does not hold is rejected, done once more, and shown with the objection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agents import researcher
from agents.team import TEAM
from app.wiring import FLOWS
from lyceum.events import Answered, Note
from lyceum.sources import Claim
from workflows.chat_turn import ChatRequest
from workflows.engines.journal import JournalEngine

BOTH = "What is top-p sampling? And which country has the most customers?"


def tampered(claim: str, *, attempts: int) -> Any:
    """A researcher that reads the notes and then, the first `attempts` times, claims something else."""
    left = [attempts]

    def skill(turn: Any) -> Any:
        said = TEAM["researcher"].skill(turn)
        if isinstance(said, researcher.Findings) and left[0] > 0:
            left[0] -= 1
            return said.model_copy(update={"claims": [Claim(text=claim, citations=said.claims[0].citations)]})
        return said

    return replace(TEAM["researcher"], skill=skill)


async def turn(wired: Callable[..., Any], role: Any) -> tuple[Answered, list[str]]:
    seen: list[Any] = []
    async with wired(seen) as app:
        runtime = replace(app.runtime, team={**TEAM, "researcher": role})
        engine = JournalEngine(runtime, app.engine.journal, FLOWS)
        thread = await app.store.create_thread("t")
        run = await engine.drive(await engine.submit("chat_turn", ChatRequest(question=BOTH), thread=thread.id))
        return Answered.model_validate(run.result), [event.text for event in seen if isinstance(event, Note)]


@pytest.mark.parametrize(
    "claim",
    [
        "Top-p sampling keeps exactly 977 tokens.",
        "Volcanoes erupt where continental plates drift apart.",
        "With 3 + 4 = 8 tokens, top-p sampling keeps the most likely tokens of the distribution.",
    ],
)
async def test_a_planted_wrong_step_is_rejected_and_its_second_attempt_is_what_is_shown(
    wired: Callable[..., Any], claim: str
) -> None:
    answer, notes = await turn(wired, tampered(claim, attempts=1))
    assert any(note.startswith("The reviewer rejected s1") for note in notes)
    assert claim not in answer.text
    assert "USA" in answer.text
    assert "objects" not in answer.text


async def test_a_step_rejected_twice_is_shown_with_the_objection(wired: Callable[..., Any]) -> None:
    answer, _ = await turn(wired, tampered("Top-p sampling keeps exactly 977 tokens.", attempts=2))
    assert "(The reviewer objects: 977 is not in the evidence.)" in answer.text


async def test_right_steps_pass_without_a_word(wired: Callable[..., Any]) -> None:
    _, notes = await turn(wired, TEAM["researcher"])
    assert notes == []


@pytest.mark.parametrize(
    ("work", "said"),
    [
        ("Review this: step 1: 12 * 12 = 154. Step 2: half of 144 is 72.", "s1 is rejected: 12 * 12 is 144, not 154"),
        ("Check my working:\n1. 15% of 80 is 12\n2. 12 + 30 = 43", "s2 is rejected: 12 + 30 is 42, not 43"),
        ("Please verify: 3 boxes of 12 pencils make 36 pencils.", "All that I can check holds."),
    ],
)
async def test_work_stated_in_words_is_worked_out_again(ask: Any, work: str, said: str) -> None:
    answer = await ask(work)
    assert (answer.role, answer.text) == ("reviewer", said)


async def test_what_cannot_be_checked_is_not_approved(ask: Any) -> None:
    answer = await ask("Check this: the moon is made of cheese.")
    assert answer.declined
