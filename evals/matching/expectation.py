"""What a trajectory should be, as it is written in a case: steps in a partial order, and limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import product
from typing import Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator

from evals.matching.predicates import MISSING, check, complaint, complaints, shown
from evals.trajectory import Step, StepKind
from lyceum.errors import UserError

MOST_VARIANTS = 256
_PREFIX = "Value error, "  # pydantic's, before what a validator of ours says


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Pattern(_Strict):
    """Which steps are meant. `tool`, `server` and `agent` may hold `*`; `arguments` are predicates by name."""

    kind: StepKind = "tool"
    tool: str = "*"
    server: str = "*"
    agent: str = "*"
    arguments: dict[str, Any] = {}
    exactly: bool = Field(default=False, description="No argument may be given that is not named.")
    ok: bool | None = Field(default=None, description="Whether it must have succeeded.")
    result: Any = Field(default=None, description="A predicate on the text of the result.")
    labels: dict[str, Any] = {}

    @model_validator(mode="after")
    def _meaningful(self) -> Self:
        for predicate in (*self.arguments.values(), *self.labels.values(), self.result):
            check(predicate)
        return self

    def named(self, step: Step) -> bool:
        """Tell whether a step is of this kind, tool, server and agent."""
        return (
            step.kind == self.kind
            and fnmatchcase(step.tool, self.tool)
            and fnmatchcase(step.server, self.server)
            and fnmatchcase(step.agent, self.agent)
        )

    def wrong(self, step: Step) -> list[str]:
        """Return what is wrong with a step of this name; empty when it is what is meant."""
        found = complaints(self.arguments, step.arguments)
        if self.exactly:
            besides = [name for name in step.arguments if name not in self.arguments]
            found += [f"{name}: {shown(step.arguments[name])} should not be given" for name in besides]
        if self.ok is not None and step.ok is not self.ok:
            found.append("it failed" if self.ok else "it did not fail")
        if self.result is not None and (why := complaint(self.result, step.result or MISSING)):
            found.append(f"result: {why}")
        return found + [f"label {each}" for each in complaints(self.labels, step.labels)]

    def fits(self, step: Step) -> bool:
        return self.named(step) and not self.wrong(step)

    @property
    def text(self) -> str:
        who = "" if self.agent == "*" else f"{self.agent}: "
        what = self.tool if self.server == "*" else f"{self.server}.{self.tool}"
        given = f" {shown(self.arguments, 160)}" if self.arguments else ""
        return f"{who}{'' if self.kind == 'tool' else f'{self.kind} '}{what}{given}"


class Expected(Pattern):
    """A step that must happen, or may where it is `optional`; `any_of` are other forms that it may take."""

    id: str = ""
    optional: bool = False
    times: int | tuple[int, int | None] = Field(default=1, description="How often; or from and to, null for any.")
    after: list[str] = Field(default=[], description="Ids of steps that must be over before it begins.")
    any_of: list[Pattern] = []

    @field_validator("times")
    @classmethod
    def _sensible(cls, times: int | tuple[int, int | None]) -> int | tuple[int, int | None]:
        low, high = (times, times) if isinstance(times, int) else times
        if low < 0 or (high is not None and high < max(low, 1)):
            raise ValueError("times must be a positive number, or [from, to] with to at least from")
        return times

    @model_validator(mode="after")
    def _one_way_to_say_how_often(self) -> Self:
        low, high = (self.times, self.times) if isinstance(self.times, int) else self.times
        if self.optional and low > 1:
            raise ValueError(f"an optional step that must happen {low} times says two things: write times: [0, {high}]")
        return self

    @property
    def patterns(self) -> list[Pattern]:
        """The forms it may take: itself, where it says anything of its own, and `any_of`."""
        own = bool(self.model_fields_set & Pattern.model_fields.keys())
        return [self, *self.any_of] if own or not self.any_of else list(self.any_of)

    @property
    def least(self) -> int:
        return 0 if self.optional else self.times if isinstance(self.times, int) else self.times[0]

    @property
    def most(self) -> int | None:
        return self.times if isinstance(self.times, int) else self.times[1]

    def label(self) -> str:
        low, high = self.least, self.most
        often = "" if (low, high) == (1, 1) else f" ({low} to {'any' if high is None else high} times)"
        often = " (optional)" if (low, high) == (0, 1) else often
        return " or ".join(pattern.text for pattern in self.patterns) + often


class Forbidden(Pattern):
    """A step that must not happen; with `before`, not until the step of that id is over."""

    before: str = ""


class Budget(_Strict):
    """The most a trajectory may use; what cannot be known, such as the cost of an unpriced model, is over budget."""

    calls: int | None = None
    model_calls: int | None = None
    tokens: int | None = None
    cost: float | None = Field(default=None, description="US dollars.")
    seconds: float | None = None
    loops: int | None = Field(default=None, description="The most often that the very same call may be made.")


class Expectation(_Strict):
    """Steps in the order listed, or in `order: any`; other calls are allowed unless `extra: forbid`.

    A block may stand where a step may: `sequence`, `any_order`, `one_message` (calls that must be made together, in
    any order) and `one_of` (whole alternatives), each a list of steps and blocks.
    """

    steps: list[Any] = []
    order: Literal["listed", "any"] = "listed"
    extra: Literal["allow", "forbid"] = "allow"
    forbid: list[Forbidden] = []
    budget: Budget = Budget()
    answer: Any = Field(default=None, description="A predicate on the text of the answer.")
    declined: bool | None = None

    _plans: list[Plan] = PrivateAttr(default_factory=list)

    @model_validator(mode="after")
    def _readable(self) -> Expectation:
        whole = {"sequence" if self.order == "listed" else "any_order": self.steps}
        self._plans = [plan.closed() for plan in _compiled(whole, "steps")]
        check(self.answer)
        known = {name for plan in self._plans for name in plan.ids}
        for rule in self.forbid:
            if rule.before and rule.before not in known:
                raise ValueError(f"forbid.before names no step: {rule.before}")
        return self

    def plans(self) -> list[Plan]:
        """Return every variant that `one_of` leaves open, each a flat partial order."""
        return self._plans


@dataclass
class Plan:
    """A flat partial order: `before[n]` is the set of nodes that node n follows; `together` are sets in one message.

    Sets are bit masks.
    """

    nodes: list[Expected]
    before: list[int]
    together: list[int] = field(default_factory=list[int])

    @property
    def ids(self) -> set[str]:
        return {node.id for node in self.nodes if node.id}

    def closed(self) -> Plan:
        """Return it with what `after` says, and what follows from it; raises ValueError for an order in a circle."""
        places: dict[str, int] = {}
        for place, node in enumerate(self.nodes):
            if node.id in places:
                raise ValueError(f"two steps have the id {node.id!r}")
            if node.id:
                places[node.id] = place
        before = list(self.before)
        for place, node in enumerate(self.nodes):
            for name in node.after:
                if name not in places:
                    raise ValueError(f"after: there is no step with the id {name!r}")
                before[place] |= 1 << places[name]
        for middle in range(len(before)):
            for place in range(len(before)):
                if before[place] >> middle & 1:
                    before[place] |= before[middle]
        for place, mask in enumerate(before):
            if mask >> place & 1:
                raise ValueError(f"{self.nodes[place].label()} would have to come after itself")
        return Plan(self.nodes, before, self.together)


_BLOCKS = ("sequence", "any_order", "one_message", "one_of")


def _compiled(block: Any, where: str) -> list[Plan]:
    """Return the variants of a block or step."""
    words = cast("Mapping[str, Any]", block) if isinstance(block, Mapping) else None
    if isinstance(block, Expected):
        return [Plan([block], [0])]
    if words is None:
        raise ValueError(f"{where}: a step is an object such as {{tool: NAME}}, not {block!r}")
    kind = next((name for name in _BLOCKS if name in words), None)
    if kind is None:
        try:
            return [Plan([Expected.model_validate(words)], [0])]
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join([where, *map(str, first["loc"])])
            raise ValueError(f"{place}: {first['msg'].removeprefix(_PREFIX)}") from None
    items = words[kind]
    if len(words) > 1 or not isinstance(items, list):
        raise ValueError(f"{where}: {kind} holds a list, and stands alone")
    parts = [_compiled(item, f"{where}.{kind}[{n}]") for n, item in enumerate(cast("list[Any]", items))]
    if kind == "one_of":
        return [plan for variants in parts for plan in variants]
    return list(_joined(kind, parts))


def _joined(kind: str, parts: Sequence[list[Plan]]) -> Iterator[Plan]:
    for number, chosen in enumerate(product(*parts)):
        if number >= MOST_VARIANTS:
            raise ValueError(f"one_of leaves more than {MOST_VARIANTS} variants open")
        whole = Plan([], [])
        for part in chosen:
            offset = len(whole.nodes)
            follows = (1 << offset) - 1 if kind == "sequence" else 0
            whole.nodes += part.nodes
            whole.before += [mask << offset | follows for mask in part.before]
            whole.together += [mask << offset for mask in part.together]
        if kind == "one_message":
            whole.together.append((1 << len(whole.nodes)) - 1)
        yield whole


def read_expectation(given: Any, *, where: str = "trajectory") -> Expectation:
    """Return an expectation as a case holds it; raises UserError that says what is wrong with it."""
    try:
        return Expectation.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([where, *map(str, first["loc"])])
        raise UserError(
            f"{place}: {first['msg'].removeprefix(_PREFIX)}.", next_step="docs/evals.md shows how one is written."
        ) from None
