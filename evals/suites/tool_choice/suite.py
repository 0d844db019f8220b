"""Which tool a request is for, and with what, out of all of ours and those of five servers that sound alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from pydantic_ai.tools import ToolDefinition

from evals.matching.predicates import MISSING, complaint
from evals.suite import Case, FrontDoor, Outcome, Score, Suite, load_cases
from lyceum.errors import UserError

BETWEEN = "__"  # between a third-party server's name and its tool's


@runtime_checkable
class Chooses(Protocol):
    """A front door that shows a model every tool there is and returns the one call that it would make."""

    async def choose(self, request: str, others: Sequence[ToolDefinition]) -> Outcome: ...


@lru_cache
def distractors() -> tuple[ToolDefinition, ...]:
    """Return the tools of the five other servers, as the product would offer them."""
    import yaml

    text = Path(__file__).with_name("distractors.yaml").read_text(encoding="utf-8")
    found: list[ToolDefinition] = []
    for server, tools in cast("dict[str, list[dict[str, Any]]]", yaml.safe_load(text)).items():
        for tool in tools:
            schema = {
                "type": "object",
                "properties": {name: {"type": kind} for name, kind in tool["parameters"].items()},
                "required": tool["required"],
            }
            found.append(
                ToolDefinition(
                    name=f"{server}{BETWEEN}{tool['name']}",
                    description=f"({server}, third party) {tool['description']}",
                    parameters_json_schema=schema,
                )
            )
    return tuple(found)


async def answer(front_door: FrontDoor, case: Case) -> Outcome:
    if not isinstance(front_door, Chooses):
        raise UserError("This front door cannot show all tools at once.", next_step="Use `lyceum eval run`.")
    return await front_door.choose(case.input, distractors())


def score_tool(case: Case, outcome: Outcome) -> Score:
    """Right when one call was made, of the tool (or one of the `tools`) that the case names."""
    wanted = _wanted(case)
    called = _call(outcome)
    if called is None:
        return Score(scorer="tool", value=0.0, verdict="declined", reason=f"no call; expected {' or '.join(wanted)}")
    if called[0] in wanted:
        return Score(scorer="tool", value=1.0, verdict="right")
    return Score(scorer="tool", value=0.0, verdict="wrong", reason=f"expected {' or '.join(wanted)}, got {called[0]}")


def score_arguments(case: Case, outcome: Outcome) -> Score | None:
    """Right when every argument that the case names satisfies its predicate; None where the tool was another."""
    called = _call(outcome)
    if called is None or called[0] not in _wanted(case):
        return None
    # A tool that does the same may call its arguments otherwise: they are compared for the first one named.
    if called[0] != _wanted(case)[0]:
        return None
    expected = cast("Mapping[str, Any]", case.expected.get("arguments") or {})
    for name, predicate in expected.items():
        if why := complaint(predicate, called[1].get(name, MISSING)):
            return Score(scorer="arguments", value=0.0, verdict="wrong", reason=f"{name}: {why}")
    return Score(scorer="arguments", value=1.0, verdict="right")


def _wanted(case: Case) -> list[str]:
    given = case.expected.get("tools") or [case.expected["tool"]]
    return [str(name) for name in cast("list[Any]", given)]


def _call(outcome: Outcome) -> tuple[str, dict[str, Any]] | None:
    steps = [step for step in outcome.trajectory.steps if step.kind == "tool"] if outcome.trajectory else []
    return (steps[0].tool, dict(steps[0].arguments)) if steps else None


def suite() -> Suite:
    cases = load_cases(Path(__file__).with_name("cases.yaml"))
    return Suite("tool_choice", __doc__ or "", cases, answer, (score_tool, score_arguments))
