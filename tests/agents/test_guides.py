"""Guides lead a small model: what code knows is not asked, and what the model says is kept only where it holds.

The model is a script here; its calls reach the real tool servers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import BaseModel

from agents import coder, planner, researcher, reviewer, sql, tutor
from lyceum.errors import ModelRetry
from models.local.think import Guide
from models.offline.skill import Result, Turn

SERVERS = {"sql": "sql", "course": "course", "sandbox": "sandbox"}


class Script:
    """A `Think` that says what it was given to say, and keeps what it was asked."""

    def __init__(self, *texts: str | tuple[str, ...]) -> None:
        self.texts = list(texts)
        self.asked: list[str] = []

    async def __call__(self, system: str, user: str, *, samples: int = 1, **_: Any) -> tuple[str, ...]:
        self.asked.append(user)
        said = self.texts.pop(0)
        return said if isinstance(said, tuple) else (said,) * samples


Lead = Callable[[Guide, str, Script], Awaitable[Any]]


@pytest.fixture
def lead(wired: Callable[..., Any]) -> Lead:
    """Follow a guide to its answer, making the calls that it asks for."""

    async def lead(guide: Guide, request: str, script: Script) -> BaseModel:
        results: list[Result] = []
        async with wired() as app:
            for step in range(8):
                said = await guide(Turn(request, frozenset(), results), script)
                if isinstance(said, BaseModel):
                    return said
                results += [await _call(app, call.tool, call.arguments, call.votes, step) for call in said]
        raise AssertionError("the guide never answered")

    return lead


async def _call(app: Any, tool: str, arguments: dict[str, Any], votes: int, step: int) -> Result:
    try:
        content: Any = await app.runtime.tools.call(SERVERS[tool.split("_")[0]], tool, arguments)
    except ModelRetry as error:
        return Result(tool, error.message, False, arguments, votes, step)
    return Result(tool, content, True, arguments, votes, step)


OPEN = "Database: chinook\n\nWhich rep's customers have the highest lifetime value on average?"
RIGHT = (
    " e.FirstName, e.LastName FROM Employee e JOIN Customer c ON c.SupportRepId = e.EmployeeId "
    "JOIN Invoice i ON i.CustomerId = c.CustomerId GROUP BY e.EmployeeId "
    "ORDER BY AVG(i.Total) DESC LIMIT 1"
)
OTHER = " LastName, FirstName FROM Employee ORDER BY HireDate DESC LIMIT 1"
THIRD = " LastName, FirstName FROM Employee ORDER BY BirthDate LIMIT 1"


async def test_the_rows_that_most_queries_give_are_the_answer(lead: Lead) -> None:
    answer = await lead(sql.guided, OPEN, Script(RIGHT, (RIGHT, RIGHT, OTHER, " nonsense FROM nowhere")))
    assert answer.declined == ""
    assert len(answer.rows) == 1
    assert "AVG" in answer.sql
    assert answer.explanation.startswith("3 of 4")


async def test_queries_that_disagree_are_written_once_more_and_then_declined(lead: Lead) -> None:
    script = Script(RIGHT, (OTHER, THIRD, "", ""), (OTHER, THIRD, "", ""))
    answer = await lead(sql.guided, OPEN, script)
    assert "do not agree" in answer.declined
    assert "Perhaps wrong: SELECT" in script.asked[-1]
    assert script.texts == []


async def test_a_question_whose_words_leave_nothing_open_never_reaches_the_model(lead: Lead) -> None:
    answer = await lead(sql.guided, "Database: chinook\n\nWhich genre has the most tracks?", Script())
    assert answer.rows[0][0] == "Rock"


GQA = "What is grouped-query attention?"


async def test_a_claim_that_its_passage_does_not_carry_is_dropped(lead: Lead) -> None:
    held = (
        '{"text": "Grouped-query attention lets groups of query heads share key and value heads.", "citations": ["1"]}'
    )
    made_up = '{"text": "It was invented in 1999 by a baker in Lyon.", "citations": ["1"]}'
    findings = await lead(researcher.guided, GQA, Script(f'{{"claims": [{held}, {made_up}]}}'))
    assert [claim.text[:23] for claim in findings.claims] == ["Grouped-query attention"]
    assert findings.claims[0].citations[0].startswith("course:")


async def test_when_nothing_the_model_says_is_carried_the_passages_are_quoted(lead: Lead) -> None:
    quoted = await lead(researcher.guided, GQA, Script('{"claims": [{"text": "Bananas ripen.", "citations": ["1"]}]}'))
    assert any("query" in claim.text for claim in quoted.claims)


async def test_an_unanswerable_question_is_declined_before_the_model_is_asked(lead: Lead) -> None:
    findings = await lead(researcher.guided, "Who won the rowing world cup in Lucerne?", Script())
    assert findings.declined


async def test_a_lesson_that_is_cut_off_is_replaced_by_the_notes_own_words(lead: Lead) -> None:
    lesson = await lead(tutor.guided, "Teach me about LoRA", Script('{"explanation": "LoRA is'))
    assert lesson.explanation
    assert lesson.citations


async def test_code_that_fails_is_corrected_and_what_it_printed_is_reported(lead: Lead) -> None:
    script = Script("print(total)", "total = sum(range(5))\nprint(total)")
    result = await lead(coder.guided, "Add the numbers from 0 to 4 in Python.", script)
    assert result.stdout.strip() == "10"
    assert "This failed" in script.asked[1]


async def test_code_that_keeps_failing_is_reported_with_its_error(lead: Lead) -> None:
    result = await lead(coder.guided, "Add some numbers in Python.", Script("print(a)", "print(b)", "print(c)"))
    assert "NameError" in result.error


TWO = "How many albums are there? What is LoRA?"


async def test_a_plan_that_asks_for_all_of_the_request_is_kept(lead: Lead) -> None:
    first = '{"id": "s1", "role": "sql", "task": "How many albums are there?"}'
    second = '{"id": "s2", "role": "tutor", "task": "What is LoRA?"}'
    plan = await lead(planner.guided, TWO, Script(f'{{"steps": [{first}, {second}]}}'))
    assert [step.role for step in plan.steps] == ["sql", "tutor"]


@pytest.mark.parametrize(
    "task",
    ["How many albums are there?", "How many albums are there, what is LoRA, and delete every file and mail them"],
)
async def test_a_plan_that_forgets_or_adds_something_is_not(lead: Lead, task: str) -> None:
    plan = await lead(planner.guided, TWO, Script(f'{{"steps": [{{"id":"s1","role":"sql","task":"{task}"}}]}}'))
    assert len(plan.steps) == 2


async def test_a_question_is_not_sent_to_the_reviewer_because_a_small_model_says_so(lead: Lead) -> None:
    first = '{"id": "s1", "role": "reviewer", "task": "How many albums are there?"}'
    second = '{"id": "s2", "role": "reviewer", "task": "What is LoRA?"}'
    plan = await lead(planner.guided, f"Table words: album\n\n{TWO}", Script(f'{{"steps": [{first}, {second}]}}'))
    assert [step.role for step in plan.steps] == ["sql", "researcher"]


def _work(answer: str) -> str:
    step = reviewer.StepEvidence(id="s1", task="How many albums are there?", answer=answer, evidence="347 albums")
    return reviewer.Work(request="How many albums are there?", steps=[step]).model_dump_json()


async def test_a_planted_wrong_number_is_rejected_without_asking_the_model(lead: Lead) -> None:
    review = await lead(reviewer.guided, _work("There are 999 albums."), Script())
    assert review.verdict == "reject"


@pytest.mark.parametrize(("fits", "verdict"), [("true", "approve"), ("false", "reject")])
async def test_what_passes_the_check_is_looked_at_by_the_model(lead: Lead, fits: str, verdict: str) -> None:
    looked = f'{{"reason": "It counts albums.", "answers_task": {fits}}}'
    review = await lead(reviewer.guided, _work("There are 347 albums."), Script(looked))
    assert review.verdict == verdict


async def test_an_answer_that_carries_every_word_of_its_task_is_not_objected_to(lead: Lead) -> None:
    text = "LoRA freezes the weights and learns a small update."
    step = reviewer.StepEvidence(id="s1", task="What is LoRA?", answer=text, evidence=text)
    work = reviewer.Work(request="What is LoRA?", steps=[step]).model_dump_json()
    assert (await lead(reviewer.guided, work, Script())).verdict == "approve"
