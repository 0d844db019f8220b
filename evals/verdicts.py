"""How a scorer reads what a case expects and an outcome holds, and how it says what it found."""

from __future__ import annotations

import re
from typing import TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from evals.suite import Outcome, Score, Verdict
from lyceum.errors import UserError

Wanted = TypeVar("Wanted", bound=BaseModel)
_FENCED = re.compile(r"```[ \t]*([\w+#-]*)[^\n]*\n(.*?)```", re.DOTALL)


def wanted(form: type[Wanted], given: JsonValue, where: str) -> Wanted:
    """Read what a case expects; raises UserError that names what is wrong in it."""
    try:
        return form.model_validate(given)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise UserError(f"{where}: {wrong}.", next_step="docs/evals.md, what a case may expect.") from None


def judged(scorer: str, right: bool, reason: str = "", detail: str = "") -> Score:
    """Return a score of 1 or 0 for what is right or wrong."""
    verdict: Verdict = "right" if right else "wrong"
    return Score(scorer=scorer, value=float(right), verdict=verdict, reason=reason, detail=detail)


def unless_declined(scorer: str, outcome: Outcome, why: str) -> Score:
    """Return right where there is no `why`; an answer that is not there because the agent declined is no wrong one."""
    if why and outcome.declined:
        return Score(scorer=scorer, value=0.0, verdict="declined", reason=outcome.answer[:200] or why)
    return judged(scorer, not why, why)


def citations(outcome: Outcome) -> list[str]:
    """Return the ids that an outcome cites, best first."""
    held = held_in(outcome, "citations")
    return [str(each) for each in held] if isinstance(held, list) else []


def held_in(outcome: Outcome, key: str) -> JsonValue:
    """Return what the typed output holds under a key; None where it has no such."""
    return outcome.output.get(key) if isinstance(outcome.output, dict) else None


def blocks_in(text: str, *languages: str) -> list[str]:
    """Return the fenced blocks of a text that name one of these languages, or none."""
    return [block for language, block in _FENCED.findall(text) if not language or language.lower() in languages]
