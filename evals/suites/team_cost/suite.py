"""Does the team earn its cost? One agent with all tools, the planned team, and what the chat takes by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from evals.matching.predicates import complaint
from evals.suite import Case, Outcome, Product, Score, Suite, Verdict, load_cases
from evals.suites.team_cost.generalist import ROLE
from evals.trajectory import Trajectory

SIDES: dict[str, dict[str, Any]] = {"single": {"agent": ROLE.name}, "team": {"plan": True}, "chat": {}}


async def ask(product: Product, case: Case, side: str) -> Outcome:
    """Ask one side in a conversation of its own."""
    return await (await product.talk()).ask(case.input, **SIDES[side])


async def answer(product: Product, case: Case) -> Outcome:
    """Ask every side; the outcome is the chat's, and `output.sides` holds what each said and took."""
    sides = {side: await ask(product, case, side) for side in SIDES}
    told = {side: told_of(case, outcome) for side, outcome in sides.items()}
    return sides["chat"].model_copy(update={"output": {"sides": told}, "error": None})


def told_of(case: Case, outcome: Outcome) -> dict[str, Any]:
    """Return what a side came to: which parts are missing, and what it used."""
    totals = (outcome.trajectory or Trajectory()).totals
    parts = cast("list[Any]", case.expected["parts"])
    return {
        "answer": outcome.answer,
        "missing": [part for part in parts if outcome.error or complaint(part, outcome.answer)],
        "error": outcome.error,
        "calls": totals.calls,
        "model_calls": totals.model_calls,
        "tokens": totals.tokens,
        "seconds": outcome.seconds or totals.seconds,
    }


def _scorer(side: str) -> Any:
    def score(_case: Case, outcome: Outcome) -> Score:
        held = cast("dict[str, Any]", outcome.output)["sides"][side]
        reason = f"{side}: {held['error']}" if held["error"] else f"{side}: {held['missing']} is missing"
        right = not held["missing"]
        verdict: Verdict = "right" if right else "wrong"
        detail = "" if right else str(held["answer"])[:400]
        return Score(scorer=side, value=float(right), verdict=verdict, reason="" if right else reason, detail=detail)

    score.__name__ = side
    return score


def score_cheap(case: Case, outcome: Outcome) -> Score:
    """The chat must not take more model calls than the team, and for one part it must take the fast path."""
    sides = cast("dict[str, Any]", outcome.output)["sides"]
    chat, team = sides["chat"]["model_calls"], sides["team"]["model_calls"]
    simple = len(cast("list[Any]", case.expected["parts"])) == 1
    holds = chat < team if simple else chat <= team
    reason = "" if holds else f"the chat took {chat} model calls, the team {team}"
    return Score(scorer="cheap", value=float(holds), verdict="right" if holds else "wrong", reason=reason)


def suite() -> Suite:
    cases = load_cases(Path(__file__).with_name("cases.yaml"))
    scorers = (*(_scorer(side) for side in SIDES), score_cheap)
    return Suite("team_cost", __doc__ or "", cases, answer, scorers, roles=(ROLE,))
