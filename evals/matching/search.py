"""Which step is which expected one: an exact search for an assignment that keeps the order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evals.matching.expectation import Plan
from evals.matching.pairing import Fits, can_all
from evals.trajectory import Step, earlier, members

MOST_STATES = 20_000  # looked at before an expectation is called too vague to decide
EASY_STATES = 100  # from here on it pays to ask whether what is left can be assigned at all, the order aside
MOST_LOOKS_AHEAD = 3_000


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

    def __init__(self, plan: Plan, steps: Sequence[Step], *, extra: bool, fits: Fits | None = None) -> None:
        self._plan = plan
        self._steps = steps
        self._known = earlier(list(steps))
        fits = fits or Fits(steps)
        self._steps_of = [fits.of(node) for node in plan.nodes]
        self._fits: list[list[int]] = [[] for _ in steps]
        for n, places in enumerate(self._steps_of):
            for place in places:
                self._fits[place].append(n)
        self._extra = extra
        self._after = [
            sum(1 << n for n, mask in enumerate(plan.before) if mask >> place & 1) for place in range(len(plan.nodes))
        ]
        self._walk = [place for place, nodes in enumerate(self._fits) if nodes]
        self._depth_of = {place: depth for depth, place in enumerate(self._walk)}
        self._open = self._unsettled()
        self._left = self._still_to_come()
        self._messages_for = [self._possible_messages(mask) for mask in plan.together]
        self._looks_ahead = 0

    def run(self) -> Assignment | None:
        """Return an assignment that keeps every rule, or None where there is none; raises TooVague."""
        if not self._extra and any(not self._fits[n] for n, step in enumerate(self._steps) if step.kind == "tool"):
            return None
        start = _State((0,) * len(self._plan.nodes), ("",) * len(self._plan.together))
        if not self._can_be_assigned(0, start):
            return None
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
            if self._hopeless(depth, state, look_ahead=len(seen) > EASY_STATES):
                continue
            stack.append(self._choices(self._walk[depth], state))
        return None

    def _choices(self, place: int, state: _State) -> Iterator[_State]:
        fits = [n for n in self._fits[place] if self._may(place, n, state)]
        nodes = self._plan.nodes
        left = self._left[self._depth_of[place]]  # the pickiest first
        for n in sorted(fits, key=lambda n: (state.taken[n].bit_count() >= nodes[n].least, left[n])):
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
            chosen == message or (not chosen and message in possible)
            for mask, chosen, possible in zip(plan.together, state.messages, self._messages_for, strict=True)
            if mask >> n & 1
        )

    def _message(self, place: int) -> str:
        step = self._steps[place]
        return f"{step.branch} {step.group}" if step.group else f"#{place}"

    def _chosen(self, place: int, n: int, state: _State) -> tuple[str, ...]:
        if not self._plan.together:
            return state.messages
        pairs = zip(self._plan.together, state.messages, strict=True)
        return tuple(self._message(place) if mask >> n & 1 else chosen for mask, chosen in pairs)

    def _hopeless(self, depth: int, state: _State, *, look_ahead: bool) -> bool:
        if any(
            mask.bit_count() + left < node.least
            for mask, left, node in zip(state.taken, self._left[depth], self._plan.nodes, strict=True)
        ):
            return True
        if not look_ahead or self._looks_ahead >= MOST_LOOKS_AHEAD:
            return False
        self._looks_ahead += 1
        return not self._can_be_assigned(depth, state)

    def _can_be_assigned(self, depth: int, state: _State) -> bool:
        """Tell whether, the order aside, what must happen still can, and every call can be something expected.

        Each by itself: where both hold, both hold at once (Mendelsohn and Dulmage 1958).
        """
        start = self._walk[depth] if depth < len(self._walk) else len(self._steps)
        needed: list[list[int]] = []
        room: list[list[int]] = []  # for each expected step, numbers that stand for how often it may still happen
        number = 0
        for node, mask, places in zip(self._plan.nodes, state.taken, self._steps_of, strict=True):
            has = mask.bit_count()
            if node.least > has:
                later = [place for place in places if place >= start]
                if len(later) < node.least - has:
                    return False
                needed += [later] * (node.least - has)
            more = len(self._steps) if node.most is None else min(node.most - has, len(self._steps))
            room.append(list(range(number, number + more)))
            number += more
        if not can_all(needed):
            return False
        if self._extra:
            return True
        unlimited = {n for n, node in enumerate(self._plan.nodes) if node.most is None}
        calls = [self._fits[n] for n in range(start, len(self._steps)) if self._steps[n].kind == "tool"]
        return can_all([[r for n in fits for r in room[n]] for fits in calls if not unlimited & set(fits)])

    def _possible_messages(self, mask: int) -> set[str]:
        """The messages that hold a step for each of what must happen in one."""
        nodes = list(members(mask))
        by_message: dict[str, dict[int, list[int]]] = {}
        for n in nodes:
            for place in self._steps_of[n]:
                by_message.setdefault(self._message(place), {}).setdefault(n, []).append(place)
        return {
            message
            for message, places in by_message.items()
            if can_all([places.get(n, []) for n in nodes for _ in range(self._plan.nodes[n].least)])
        }

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
