"""Changes of agents while a test runs: what sabotages and refactorings of them are made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydantic import BaseModel

import app.wiring
from agents.role import Role
from agents.team import TEAM
from models.offline.skill import Call, Turn

Skill = Callable[[Turn], Sequence[Call] | BaseModel]
Change = Callable[[pytest.MonkeyPatch], None]


def with_role(name: str, **changed: Any) -> Change:
    def change(monkeypatch: pytest.MonkeyPatch) -> None:
        roles: dict[str, Role] = {**app.wiring.TEAM, name: dataclasses.replace(TEAM[name], **changed)}
        monkeypatch.setattr(app.wiring, "TEAM", roles)

    return change


def skill(name: str, made: Callable[[Skill], Skill]) -> Change:
    return with_role(name, skill=made(TEAM[name].skill))


def with_calls(changed: Callable[[Call], list[Call]]) -> Callable[[Skill], Skill]:
    """Change the calls that a skill makes, and leave its answers."""

    def made(own: Skill) -> Skill:
        def skilled(turn: Turn) -> Sequence[Call] | BaseModel:
            step = own(turn)
            return step if isinstance(step, BaseModel) else [new for call in step for new in changed(call)]

        return skilled

    return made


def failing(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def cases(told: dict[str, Any], quick: set[str]) -> list[Any]:
    """The parameters of a test by their names; those that are not quick are slow."""
    return [
        pytest.param(*values, id=name, marks=[] if name in quick else [pytest.mark.slow])
        for name, values in told.items()
    ]
