"""Users who talk over several turns: each has a goal, a manner and a script, and is satisfied or gives up."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from evals.outcomes import SCORERS
from evals.suite import Case, Outcome, Product, Score, Suite, Verdict, load_cases
from evals.suites.attached import attachments
from evals.suites.turns import as_one
from evals.users import NextLine, Persona, simulate

FILES = Path(__file__).parents[1] / "tool_use" / "documents"


async def answer(product: Product, case: Case, next_line: NextLine | None = None) -> Outcome:
    persona = Persona.model_validate(case.expected["persona"])
    held = await simulate(persona, await product.talk(attach=attachments(case, FILES)), next_line)
    outcome = as_one(held.heard)
    output = {**cast("dict[str, Any]", outcome.output), "said": held.said, "ending": held.ending}
    return outcome.model_copy(update={"output": {**output, "missing": held.missing}})


async def asked(product: Product, case: Case) -> Outcome:
    return await answer(product, case)


def score_ending(case: Case, outcome: Outcome) -> Score:
    """Right where it ended as `expected.ending` (default satisfied) says, within `expected.most` turns."""
    held = cast("dict[str, Any]", outcome.output)
    wanted, most = str(case.expected.get("ending", "satisfied")), int(cast("int", case.expected.get("most", 99)))
    wrong: list[str] = []
    if held["ending"] != wanted:
        last = str(held["turns"][-1]["answer"])[:120]
        wrong.append(f"{held['ending']}, not {wanted}: {held['missing']} never came; last heard {last!r}")
    if len(held["said"]) > most:
        wrong.append(f"took {len(held['said'])} turns, at most {most}")
    never = [text for text in cast("list[str]", case.expected.get("never", [])) if _said(held, text)]
    wrong += [f"an answer says {text!r}" for text in never]
    verdict: Verdict = "wrong" if wrong else "right"
    detail = "\n".join(
        f"> {said}\n< {turn['answer'][:200]}" for said, turn in zip(held["said"], held["turns"], strict=True)
    )
    return Score(
        scorer="ending",
        value=float(not wrong),
        verdict=verdict,
        reason="; ".join(wrong),
        detail=detail if wrong else "",
    )


def _said(held: dict[str, Any], text: str) -> bool:
    return any(text.casefold() in str(turn["answer"]).casefold() for turn in held["turns"])


def score_steps(case: Case, outcome: Outcome) -> Score | None:
    """What was done over the whole conversation, where the case expects something of it."""
    wanted = case.expected.get("trajectory")
    return SCORERS[1](case.model_copy(update={"expected": {"trajectory": wanted}}), outcome) if wanted else None


def suite() -> Suite:
    cases = load_cases(Path(__file__).with_name("cases.yaml"))
    return Suite("simulated_users", __doc__ or "", cases, asked, (score_ending, score_steps))
