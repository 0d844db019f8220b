"""Who a request goes to first, out of the whole team, judged by the route that the turn really took."""

from __future__ import annotations

from pathlib import Path

from evals.suite import Case, FrontDoor, Outcome, Score, Suite, load_cases


async def answer(front_door: FrontDoor, case: Case) -> Outcome:
    return await front_door.ask(case.input)


def score_route(case: Case, outcome: Outcome) -> Score:
    """Compare the first hand-over with `expected.role`; what happens after it is another suite's business."""
    if outcome.trajectory is None:
        raise ValueError("no trajectory was recorded")
    handed = [step for step in outcome.trajectory.steps if step.kind == "handoff"]
    role, wanted = (handed[0].tool if handed else "nobody"), str(case.expected["role"])
    why = handed[0].labels.get("reason", "") if handed else ""
    if role == wanted:
        return Score(scorer="route", value=1.0, verdict="right")
    return Score(scorer="route", value=0.0, verdict="wrong", reason=f"expected {wanted}, went to {role}: {why}")


def suite() -> Suite:
    return Suite("routing", __doc__ or "", load_cases(Path(__file__).with_name("cases.yaml")), answer, (score_route,))
