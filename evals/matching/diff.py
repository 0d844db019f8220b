"""Expected and real steps side by side, as text that is read in a terminal, a log or a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from evals.matching.diagnosis import Pairing
from evals.matching.expectation import Plan
from evals.matching.predicates import shown
from evals.trajectory import Step

_LEFT, _RIGHT = 52, 84
_MOST_TOLD = 12


def diff(plan: Plan, steps: Sequence[Step], pairing: Pairing, problems: Sequence[str]) -> str:
    """Return one line a step: `=` as expected, `~` almost, `-` missing, `+` not expected, blank for allowed others.

    What is wrong is said below, one line a problem. Model requests are left out.
    """
    whose = {number: place for place, numbers in enumerate(pairing.assigned) for number in numbers}
    near = {number: place for place, (number, _) in pairing.near.items()}
    rows: list[tuple[str, str, str]] = [("", "expected", "happened")]
    told: set[int] = set()

    def missing(until: int) -> None:
        for place in range(until):
            if place not in told and not pairing.assigned[place] and place not in pairing.near:
                told.add(place)
                node = plan.nodes[place]
                rows.append((" " if node.least == 0 else "-", node.label(), ""))

    for number, step in enumerate(steps):
        place = whose.get(number, near.get(number))
        if place is not None:
            missing(place)
            again = place in told
            told.add(place)
            rows.append(
                ("=" if number in whose else "~", "″" if again else plan.nodes[place].label(), _real(number, step))
            )
        elif step.kind != "model":
            rows.append(("+" if number in pairing.extra else " ", "", _real(number, step)))
    missing(len(plan.nodes))
    lines = [f"{mark:1} {_cut(left, _LEFT):<{_LEFT}} {_cut(right, _RIGHT)}".rstrip() for mark, left, right in rows]
    return "\n".join([*lines, *(f"! {problem}" for problem in first(problems))])


def first(problems: Sequence[str]) -> list[str]:
    """Return the first problems, and how many more there are."""
    more = len(problems) - _MOST_TOLD
    return [*problems[:_MOST_TOLD], *([f"and {more} more"] if more > 0 else [])]


def _real(number: int, step: Step) -> str:
    failed = " FAILED" if step.ok is False else ""
    return f"{number + 1:>2} {step.name} {shown(step.arguments, 200) if step.arguments else ''}{failed}"


def _cut(text: str, most: int) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= most else f"{text[: most - 1]}…"
