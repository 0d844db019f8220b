"""Why no assignment was found: the nearest pairing of expected and real steps, and every rule that it breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from evals.matching.expectation import Expected, Plan
from evals.matching.pairing import Fits, pair
from evals.matching.search import Assignment
from evals.trajectory import Step, apart, earlier, members

Kind = Literal["missing", "arguments", "identity", "order", "message", "extra", "count"]
Finding = tuple[Kind, str, int]


@dataclass
class Pairing:
    """`assigned` fit; `near` has for an expected step the place of one that almost is it, and what is wrong."""

    assigned: Assignment
    near: dict[int, tuple[int, str]] = field(default_factory=dict[int, "tuple[int, str]"])
    extra: set[int] = field(default_factory=set[int])

    @classmethod
    def exact(cls, assigned: Assignment) -> Pairing:
        return cls(assigned)

    @classmethod
    def empty(cls, plan: Plan) -> Pairing:
        return cls([[] for _ in plan.nodes])


def diagnose(plan: Plan, fits: Fits, *, extra: bool) -> tuple[Pairing, list[Finding]]:
    """Return the nearest pairing and what is wrong with it, each as kind, text and the step's number from 1."""
    steps = fits.steps
    pairing = Pairing(_paired(plan, fits))
    found: list[Finding] = []
    free = [n for n, step in enumerate(steps) if step.kind != "model" and n not in _taken(pairing)]
    for place, node in enumerate(plan.nodes):
        count = len(pairing.assigned[place])
        if count >= node.least:
            continue
        near = _nearest(node, steps, free)
        if near is None:
            often = "" if node.least == 1 else f" (happened {count} of {node.least} times)"
            found.append(("missing", f"{node.label()} did not happen{often}", 0))
            continue
        kind, number, why = near
        free.remove(number)
        pairing.near[place] = number, why
        found.append((kind, f"step {number + 1} ({steps[number].name}): {why}", number + 1))
    # Where something is missing or wrong, what need not have happened at all is no news.
    found += [each for each, must in _order(plan, steps, pairing) if must or not found]
    found += _messages(plan, steps, pairing)
    if not extra:
        for number in free:
            if steps[number].kind == "tool":
                pairing.extra.add(number)
                found.append(("extra", f"step {number + 1} ({steps[number].name}) was not expected", number + 1))
    if not found:
        found.append(("order", "each step is there, but no choice among them keeps the order", 0))
    return pairing, found


def _taken(pairing: Pairing) -> set[int]:
    return {number for numbers in pairing.assigned for number in numbers}


def _paired(plan: Plan, fits: Fits) -> Assignment:
    """Give as many expected steps as possible a step that fits, the order aside."""
    steps = fits.steps
    # Steps that must happen choose first; what may happen takes what is left.
    slots = [place for place, node in enumerate(plan.nodes) for _ in range(min(node.least, len(steps)))]
    slots += [place for place, node in enumerate(plan.nodes) if node.least == 0]
    owner = pair([fits.of(plan.nodes[place]) for place in slots])
    assigned: Assignment = [[] for _ in plan.nodes]
    for number, slot in sorted(owner.items()):
        assigned[slots[slot]].append(number)
    for place, node in enumerate(plan.nodes):  # repetitions of what may be repeated
        most = node.most if node.most is not None else len(steps)
        for number in fits.of(node):
            if number not in owner and len(assigned[place]) < most:
                owner[number] = -1
                assigned[place].append(number)
    return assigned


def _nearest(node: Expected, steps: Sequence[Step], free: Sequence[int]) -> tuple[Kind, int, str] | None:
    """Return the free step that almost is what was expected: with other arguments, else of another agent or server."""
    best: tuple[int, int, Kind, str] | None = None
    for number in free:
        for pattern in node.patterns:
            if pattern.named(steps[number]):
                wrong = pattern.wrong(steps[number])
                option: tuple[int, int, Kind, str] = (len(wrong), number, "arguments", "; ".join(wrong))
            elif pattern.model_copy(update={"server": "*", "agent": "*"}).named(steps[number]) and pattern.tool != "*":
                why = f"expected of {_whose(pattern.server, pattern.agent)}"
                option = (1000, number, "identity", why)
            else:
                continue
            if best is None or option[:2] < best[:2]:
                best = option
    return None if best is None else (best[2], best[1], best[3])


def _whose(server: str, agent: str) -> str:
    parts = [f"server {server}" for _ in [0] if server != "*"] + [f"agent {agent}" for _ in [0] if agent != "*"]
    return " and ".join(parts)


def _order(plan: Plan, steps: Sequence[Step], pairing: Pairing) -> list[tuple[Finding, bool]]:
    """Return what came too early, and whether both steps must happen."""
    known = earlier(list(steps))
    near = [[pairing.near[n][0]] if n in pairing.near else [] for n in range(len(plan.nodes))]
    places = [[*numbers, *also] for numbers, also in zip(pairing.assigned, near, strict=True)]
    found: list[tuple[Finding, bool]] = []
    for later in range(len(plan.nodes)):
        pairs = [(number, before) for before in members(plan.before[later]) for number in places[later]]
        told: set[int] = set()
        for number, before in pairs:
            late = next((first for first in places[before] if not known[number] >> first & 1), None)
            if late is None or number in told:  # the first thing that a step did not wait for says enough
                continue
            told.add(number)
            how = "without waiting for" if apart(steps[number], steps[late]) else "before"
            mine, other = (f"step {n + 1} ({steps[n].name})" for n in (number, late))
            text = f"{mine} came {how} {other}; it should follow {plan.nodes[before].label()}"
            must = min(plan.nodes[later].least, plan.nodes[before].least) > 0
            found.append((("order", text, number + 1), must))
    return found


def _messages(plan: Plan, steps: Sequence[Step], pairing: Pairing) -> list[Finding]:
    found: list[Finding] = []
    for mask in plan.together:
        numbers = [number for place in members(mask) for number in pairing.assigned[place]]
        messages = {(steps[n].branch, steps[n].group) if steps[n].group else n for n in numbers}
        if len(messages) > 1:
            names = ", ".join(f"step {n + 1} ({steps[n].name})" for n in numbers)
            found.append(("message", f"{names} should be calls of one message", numbers[-1] + 1))
    return found
