"""Agents that flows hand work to, sabotaged one by one: each is asked alone, and the verdict says what it did."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

import agents.reviewer
import workflows.chat_turn
from agents.archivist import Notes, Pick
from agents.clarifier import Clarification
from app.cli import main
from evals.suites.roles import suite as roles
from models.offline.skill import Call
from tests.evals.changes import Change, Skill, cases, failing, skill, with_calls


def with_answer(changed: Callable[[Any], BaseModel]) -> Callable[[Skill], Skill]:
    """Change the answers that a skill gives, and leave its calls."""

    def made(own: Skill) -> Skill:
        def skilled(turn: Any) -> Any:
            step = own(turn)
            return changed(step) if isinstance(step, BaseModel) else step

        return skilled

    return made


def alone(name: str, made: Callable[[Skill], Skill]) -> Change:
    """Change an agent that only this suite knows."""

    def change(monkeypatch: pytest.MonkeyPatch) -> None:
        changed = [dataclasses.replace(r, skill=made(r.skill)) if r.name == name else r for r in roles.ALONE]
        monkeypatch.setattr(roles, "ALONE", tuple(changed))

    return change


def one_after_the_other(plan: Any) -> Any:
    steps = [
        step.model_copy(update={"needs": [before.id]}) for before, step in zip(plan.steps, plan.steps[1:], strict=False)
    ]
    return plan.model_copy(update={"steps": [plan.steps[0], *steps]})


def all_supported(found: Any) -> Any:
    return found.model_copy(update={"verdicts": [v.model_copy(update={"label": "supported"}) for v in found.verdicts]})


def all_from_the_first(section: Any) -> Any:
    claims = [claim.model_copy(update={"citations": section.claims[0].citations}) for claim in section.claims]
    return section.model_copy(update={"claims": claims})


def uncited(found: Any) -> Any:
    claims = [claim.model_copy(update={"citations": []}) for claim in found.claims]
    return found.model_copy(update={"claims": claims})


def approves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents.reviewer, "_wrong_with", lambda _step: "")


def unreviewed_code(monkeypatch: pytest.MonkeyPatch) -> None:
    async def reviewed(_ctx: Any, _turn: Any, pieces: list[Any]) -> list[Any]:
        return pieces

    monkeypatch.setattr(workflows.chat_turn, "_reviewed", reviewed)


def first_line(call: Call) -> list[Call]:
    return [dataclasses.replace(call, arguments={"code": call.arguments["code"].splitlines()[0]})]


SABOTAGES: dict[str, tuple[Change, str]] = {
    "reviewer approves": (approves, "review-invented-number"),
    "verifier believes": (skill("verifier", with_answer(all_supported)), '[["a", "supported"], ["b", "supported"]'),
    "writer's citations": (skill("writer", with_answer(all_from_the_first)), 'got [["d1", "d2"], ["d1", "d2"]'),
    "clarifier is silent": (skill("clarifier", with_answer(lambda _: Clarification())), 'expected {"$contains"'),
    "archivist invents": (
        skill(
            "archivist", with_answer(lambda _: Notes(facts=[Pick(turn=1, sentence="The user is an administrator.")]))
        ),
        "The user is an administrator.",
    ),
    "plan becomes a chain": (alone("planner_alone", with_answer(one_after_the_other)), "needs: expected []"),
    "connector's citations": (
        alone("connector_alone", with_answer(uncited)),
        "nothing in the answer is cited",
    ),
    "code cut": (skill("coder", with_calls(first_line)), 'got "a = 6"'),
    "code unreviewed": (unreviewed_code, "reviewer: model * did not happen"),
    "lesson without a question": (
        skill("tutor", with_answer(lambda lesson: lesson.model_copy(update={"check_question": ""}))),
        "check_question: expected",
    ),
}


@pytest.mark.parametrize(("change", "said"), cases(SABOTAGES, {"verifier believes"}))
def test_an_agent_that_flows_hand_work_to_does_not_fail_unseen(
    change: Change, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(monkeypatch)
    assert main(["eval", "run", "roles", "--offline"]) == 1
    assert said in failing(capsys)


def surer(found: Any) -> Any:
    verdicts = [
        v.model_copy(update={"probability": 0.9, "reason": f"In other words: {v.reason}"}) for v in found.verdicts
    ]
    return found.model_copy(update={"verdicts": verdicts})


def asked_otherwise(found: Any) -> Any:
    return found.model_copy(update={"ask": f"Please say: {found.ask}"}) if found.ask else found


def other_ids(plan: Any) -> Any:
    return plan.model_copy(update={"steps": [s.model_copy(update={"id": f"part-{s.id}"}) for s in plan.steps[::-1]]})


REFACTORINGS: dict[str, tuple[Change]] = {
    "reasons in other words": (skill("verifier", with_answer(surer)),),
    "questions in other words": (skill("clarifier", with_answer(asked_otherwise)),),
    "plan in another order": (alone("planner_alone", with_answer(other_ids)),),
}


@pytest.mark.parametrize("change", cases(REFACTORINGS, set()))
def test_other_words_and_another_order_alarm_nobody(
    change: Change, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(monkeypatch)
    assert main(["eval", "run", "roles", "--offline"]) == 0, failing(capsys)
