"""Steps for places, the order aside: as many places as possible get a step of their own."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from evals.matching.expectation import Expected
from evals.trajectory import Step


class Fits:
    """Which steps are what an expected step may be; looked at once, however many variants ask."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = steps
        self._known: dict[int, tuple[Expected, list[int]]] = {}

    def of(self, node: Expected) -> list[int]:
        """Return the places of the steps that fit."""
        if id(node) not in self._known:  # kept with its node, so that the id stays taken
            places = [n for n, step in enumerate(self.steps) if any(pattern.fits(step) for pattern in node.patterns)]
            self._known[id(node)] = node, places
        return self._known[id(node)][1]


def pair(options: Sequence[Sequence[int]]) -> dict[int, int]:
    """Return for each option that is taken who has it; earlier ones are served first (augmenting paths, Kuhn 1955)."""
    owner: dict[int, int] = {}
    held: dict[int, int] = {}
    for start in range(len(options)):
        wanted_by: dict[int, int] = {}
        queue = deque([start])
        while queue:
            asker = queue.popleft()
            free = None
            for option in options[asker]:
                if option not in wanted_by:
                    wanted_by[option] = asker
                    if option not in owner:
                        free = option
                        break
                    queue.append(owner[option])
            while free is not None:  # everybody on the path moves on to what they asked for
                taker = wanted_by[free]
                given_up = held.get(taker)
                owner[free], held[taker] = taker, free
                free = given_up
                queue.clear()
    return owner


def can_all(options: Sequence[Sequence[int]]) -> bool:
    """Tell whether each of them can have an option of its own."""
    return all(options) and len(pair(options)) == len(options)
