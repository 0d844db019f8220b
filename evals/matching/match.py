"""Whether a trajectory is as expected, and where it is not, what differs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from evals.matching.diagnosis import Pairing, diagnose
from evals.matching.diff import diff, first
from evals.matching.expectation import Expectation, Plan
from evals.matching.pairing import Fits
from evals.matching.predicates import complaint
from evals.matching.search import Assignment, Search, TooVague
from evals.trajectory import Step, Trajectory, earlier

ProblemKind = Literal[
    "missing", "arguments", "identity", "order", "message", "extra", "count", "forbidden", "budget", "answer", "vague"
]


@dataclass(frozen=True)
class Problem:
    """One difference; `step` is the place of the step it is about, counted from 1, or 0."""

    kind: ProblemKind
    text: str
    step: int = 0


@dataclass(frozen=True)
class Match:
    """The verdict; `problems` are all that differ and `diff` shows expected and real steps side by side."""

    ok: bool
    problems: tuple[Problem, ...] = ()
    diff: str = ""
    assigned: Assignment = field(default_factory=list[list[int]])

    @property
    def reason(self) -> str:
        return "; ".join(first([problem.text for problem in self.problems]))


def match(expected: Expectation, trajectory: Trajectory) -> Match:
    """Compare a trajectory with what is expected of it. Pure: the same two give the same verdict, always.

    Of several variants (`one_of`) the first that holds counts; where none does, the nearest is shown.
    """
    limits = _limits(expected, trajectory)
    tried: list[tuple[list[Problem], Plan, Pairing]] = []
    fits = Fits(trajectory.steps)
    for plan in expected.plans():
        steps = trajectory.steps
        try:
            assigned = Search(plan, steps, extra=expected.extra == "allow", fits=fits).run()
        except TooVague:
            text = "too many steps fit too many expected ones: name their arguments, or give fewer `times`"
            tried.append(([Problem("vague", text)], plan, Pairing.empty(plan)))
            continue
        if assigned is None:
            pairing, found = diagnose(plan, fits, extra=expected.extra == "allow")
            problems = [Problem(kind, text, step) for kind, text, step in found]
        else:
            pairing, problems = Pairing.exact(assigned), []
        problems += _forbidden(expected, plan, pairing.assigned, steps) + limits
        if not problems:
            return Match(True, assigned=pairing.assigned)
        tried.append((problems, plan, pairing))
    problems, plan, pairing = min(tried, key=lambda each: len(each[0]))
    shown = diff(plan, trajectory.steps, pairing, [problem.text for problem in problems])
    return Match(False, tuple(problems), shown, pairing.assigned)


def _forbidden(expected: Expectation, plan: Plan, assigned: Assignment, steps: list[Step]) -> list[Problem]:
    places = {node.id: place for place, node in enumerate(plan.nodes) if node.id}
    known = earlier(steps) if any(rule.before for rule in expected.forbid) else []
    found: list[Problem] = []
    for rule in expected.forbid:
        for number, step in enumerate(steps):
            if not rule.fits(step):
                continue
            first = places.get(rule.before, -1)
            if rule.before and first >= 0 and any(known[number] >> done & 1 for done in assigned[first]):
                continue
            until = f" until {rule.before!r} is over" if rule.before else ""
            found.append(Problem("forbidden", f"step {number + 1} ({step.name}) is forbidden{until}", number + 1))
    return found


def _limits(expected: Expectation, trajectory: Trajectory) -> list[Problem]:
    found: list[Problem] = []
    totals = trajectory.totals
    for name, most in expected.budget.model_dump(exclude_none=True).items():
        used = getattr(totals, name)
        if used is None:
            found.append(Problem("budget", f"{name}: at most {most:g}, but what was used is not known"))
        elif used > most:
            found.append(Problem("budget", f"{name}: at most {most:g}, used {used:g}"))
    if expected.answer is not None and (why := complaint(expected.answer, trajectory.answer)):
        found.append(Problem("answer", f"answer: {why}"))
    if expected.declined is not None and trajectory.declined is not expected.declined:
        text = "it declined" if trajectory.declined else "it should have declined"
        found.append(Problem("answer", text))
    return found
