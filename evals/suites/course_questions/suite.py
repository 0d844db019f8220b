"""Questions that the course notes answer: right when the first or second citation is a passage with the answer."""

from __future__ import annotations

from pathlib import Path

from evals.suite import Case, FrontDoor, Outcome, Score, Suite, load_cases

TOP = 2


async def answer(front_door: FrontDoor, case: Case) -> Outcome:
    return await front_door.ask(case.input)


def score_citations(case: Case, outcome: Outcome) -> Score:
    """Compare `outcome.output["citations"]` (ids, best first) with `expected.gold`; empty gold asks for declining."""
    gold = case.expected.get("gold", [])
    if not isinstance(gold, list):
        raise TypeError(f"{case.id}: gold is no list of citation ids")
    cited = outcome.output.get("citations") if isinstance(outcome.output, dict) else None
    if outcome.declined:
        right = not gold
        return Score(scorer="citations", value=float(right), verdict="right" if right else "declined")
    leading = cited[:TOP] if isinstance(cited, list) else []
    right = any(each in gold for each in leading)
    return Score(
        scorer="citations", value=float(right), verdict="right" if right else "wrong", reason=f"cited {leading}"
    )


def suite() -> Suite:
    cases = load_cases(Path(__file__).with_name("cases.yaml"))
    return Suite("course_questions", __doc__ or "", cases, answer, (score_citations,))
