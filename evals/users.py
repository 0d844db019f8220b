"""Users who are simulated: a persona with a goal talks to an agent until it has what it came for, or has had enough.

A scripted persona says what its script says, depending on what it hears: the same talk every time. `next_line` may
instead be a language model that plays the persona.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from evals.matching.predicates import complaint
from evals.suite import Outcome, Talk

Ending = Literal["satisfied", "gave up", "error"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Move(_Strict):
    """What the persona says next, once, when it has heard this: `when` is a predicate on the answer's text."""

    say: str
    when: Any = None
    declined: bool | None = None
    agent: str | None = None

    def fits(self, heard: Outcome) -> bool:
        if self.declined is not None and heard.declined is not self.declined:
            return False
        return self.when is None or not complaint(self.when, heard.answer)


class Persona(_Strict):
    """Who talks: how they open, what they want (`goal`, predicates that all must have been met), how they go on.

    `told` describes them to a language model that plays them. `patience` is the most that they say.
    """

    opening: str
    told: str = ""
    goal: list[Any] = []
    moves: list[Move] = []
    patience: int = 6


class Held(_Strict):
    """How a talk went: what was said and heard, which goals were met, how it ended."""

    said: list[str] = []
    heard: list[Outcome] = []
    missing: list[Any] = []
    ending: Ending = "gave up"


NextLine = Callable[[Persona, Sequence[tuple[str, str]]], Awaitable[str | None]]


async def simulate(persona: Persona, talk: Talk, next_line: NextLine | None = None) -> Held:
    """Let a persona talk until its goals are met, its script has nothing more to say, or its patience ends.

    Whether a goal is met is decided by its predicate, also where a model plays the persona: a user is no judge.
    """
    held = Held(missing=list(persona.goal))
    left = list(persona.moves)
    line, agent = persona.opening, None
    while len(held.said) < persona.patience:
        outcome = await talk.ask(line, agent=agent)
        held.said.append(line)
        held.heard.append(outcome)
        if outcome.error is not None:
            held.ending = "error"
            return held
        held.missing = [goal for goal in held.missing if complaint(goal, outcome.answer)]
        if persona.goal and not held.missing:
            break
        if next_line is not None:
            given = await next_line(persona, list(zip(held.said, (each.answer for each in held.heard), strict=True)))
            if not given:
                return held
            line = given
            continue
        move = next((each for each in left if each.fits(outcome)), None)
        if move is None:
            break
        left.remove(move)
        line, agent = move.say, move.agent
    held.ending = "gave up" if held.missing else "satisfied"
    return held
