"""Which step is which expected one: an exact search for an assignment that keeps the order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evals.matching.expectation import Expected, Plan
from evals.trajectory import Step, earlier, members

MOST_STATES = 20_000  # looked at before an expectation is called too vague to decide


class TooVague(Exception):
    """So many steps fit so many expected ones that nobody can tell which is which."""


Assignment = list[list[int]]  # for each expected step the places of the steps that are it


@dataclass
class _State:
    """Who has which steps so far, as bit masks over steps; `messages` are the messages that `together` groups chose."""

    taken: tuple[int, ...]
    messages: tuple[str, ...]


class Search:
    """Steps are walked in the order in which they began; each goes to an expected step, or to none."""

    def __init__(self, plan: Plan, steps: Sequence[Step], *, extra: bool) -> None:
        self._plan = plan
        self._steps = steps
        self._known = earlier(list(steps))
        self._fits = [[n for n, node in enumerate(plan.nodes) if _fits(node, step)] for step in steps]
        self._extra = extra
        self._after = [
            sum(1 << n for n, mask in enumerate(plan.before) if mask >> place & 1) for place in range(len(plan.nodes))
        ]
        self._walk = [place for place, fits in enumerate(self._fits) if fits]
        self._open = self._unsettled()
        self._left = self._still_to_come()

    def run(self) -> Assignment | None:
        """Return an assignment that keeps every rule, or None where there is none; raises TooVague."""
        if not self._extra and any(not self._fits[n] for n, step in enumerate(self._steps) if step.kind == "tool"):
            return None
        start = _State((0,) * len(self._plan.nodes), ("",) * len(self._plan.together))
        stack: list[Iterator[_State]] = [iter([start])]
        seen: set[object] = set()
        while stack:
            state = next(stack[-1], None)
            if state is None:
                stack.pop()
                continue
            depth = len(stack) - 1
            if depth == len(self._walk):
                if all(
                    mask.bit_count() >= node.least for mask, node in zip(state.taken, self._plan.nodes, strict=True)
                ):
                    return [list(members(mask)) for mask in state.taken]
                continue
            key = self._key(depth, state)
            if key in seen:
                continue
            seen.add(key)
            if len(seen) > MOST_STATES:
                raise TooVague
            if self._hopeless(depth, state):
                continue
            stack.append(self._choices(self._walk[depth], state))
        return None

    def _choices(self, place: int, state: _State) -> Iterator[_State]:
        fits = [n for n in self._fits[place] if self._may(place, n, state)]
        nodes = self._plan.nodes
        for n in sorted(fits, key=lambda n: state.taken[n].bit_count() >= nodes[n].least):
            taken = list(state.taken)
            taken[n] |= 1 << place
            yield _State(tuple(taken), self._chosen(place, n, state))
        if self._extra or self._steps[place].kind != "tool":
            yield state

    def _may(self, place: int, n: int, state: _State) -> bool:
        node, plan = self._plan.nodes[n], self._plan
        if node.most is not None and state.taken[n].bit_count() >= node.most:
            return False
        known = self._known[place]
        for before in members(plan.before[n]):
            held = state.taken[before]
            if held & ~known or held.bit_count() < plan.nodes[before].least:
                return False
        if any(state.taken[after] for after in members(self._after[n])):
            return False
        message = self._message(place)
        return all(
            chosen in ("", message) for mask, chosen in zip(plan.together, state.messages, strict=True) if mask >> n & 1
        )

    def _message(self, place: int) -> str:
        step = self._steps[place]
        return f"{step.branch} {step.group}" if step.group else f"#{place}"

    def _chosen(self, place: int, n: int, state: _State) -> tuple[str, ...]:
        if not self._plan.together:
            return state.messages
        pairs = zip(self._plan.together, state.messages, strict=True)
        return tuple(self._message(place) if mask >> n & 1 else chosen for mask, chosen in pairs)

    def _hopeless(self, depth: int, state: _State) -> bool:
        return any(
            mask.bit_count() + left < node.least
            for mask, left, node in zip(state.taken, self._left[depth], self._plan.nodes, strict=True)
        )

    def _key(self, depth: int, state: _State) -> object:
        """What matters for the rest: how many each has, and those of its steps that a later one may not follow."""
        unsettled = self._open[depth]
        held = tuple((mask.bit_count(), mask & unsettled) for mask in state.taken)
        return depth, held, state.messages

    def _unsettled(self) -> list[int]:
        """For each place on the walk, the steps before it that are not over for every later one."""
        found: list[int] = []
        missing = 0
        for place in reversed(self._walk):
            missing |= ~self._known[place] & ((1 << len(self._steps)) - 1)
            found.append(missing & ((1 << place) - 1))
        return found[::-1]

    def _still_to_come(self) -> list[list[int]]:
        left = [0] * len(self._plan.nodes)
        found: list[list[int]] = []
        for place in reversed(self._walk):
            for n in self._fits[place]:
                left[n] += 1
            found.append(list(left))
        return found[::-1]


def _fits(node: Expected, step: Step) -> bool:
    return any(pattern.fits(step) for pattern in node.patterns)
