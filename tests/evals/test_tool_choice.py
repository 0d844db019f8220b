"""The suite that asks which tool a request is for sees a wrong tool, a wrong argument and a missing call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic_ai.tools import ToolDefinition

from evals.suite import Case, Outcome, run_suite
from evals.suites.tool_choice.suite import distractors, suite
from evals.trajectory import Step, Trajectory


class Door:
    """Answers every request with one call."""

    def __init__(self, tool: str | None, arguments: dict[str, Any]) -> None:
        self._steps = [Step(kind="tool", tool=tool, arguments=arguments)] if tool else []
        self.others: Sequence[ToolDefinition] = ()

    async def ask(self, question: str, **_more: Any) -> Outcome:
        raise AssertionError(question)

    async def choose(self, request: str, others: Sequence[ToolDefinition]) -> Outcome:
        self.others = others
        return Outcome(trajectory=Trajectory(input=request, steps=self._steps))


def _case(case: str) -> Case:
    return next(each for each in suite().cases if each.id == case)


@pytest.mark.parametrize(
    ("tool", "arguments", "verdict"),
    [
        ("course_glossary", {"term": "perplexity"}, "right"),
        ("course_glossary", {"term": "entropy"}, "wrong"),
        ("course_glossary", {}, "wrong"),
        ("files__search_documents", {"query": "perplexity"}, "wrong"),
        (None, {}, "declined"),
    ],
)
async def test_a_call_is_judged_by_its_tool_and_what_matters_in_its_arguments(
    tool: str | None, arguments: dict[str, Any], verdict: str
) -> None:
    door, asked = Door(tool, arguments), suite()
    one = asked.__class__(asked.name, "", (_case("course-glossary"),), asked.task, asked.scorers)
    (result,) = (await run_suite(one, door)).results
    assert result.verdict == verdict
    assert len({other.name.partition("__")[0] for other in door.others}) == 5


def test_there_are_100_requests_over_all_toolsets_and_each_names_a_tool_that_there_is() -> None:
    from mcp_servers.catalogue import cards

    cases = suite().cases
    assert len(cases) == 100
    wanted = [str(name) for case in cases for name in case.expected.get("tools") or [case.expected["tool"]]]  # type: ignore[union-attr]
    known = set(cards()) - {"conformance", "skills"}
    assert {name.partition("_")[0] for name in wanted if "__" not in name} >= known
    assert {name for name in wanted if "__" in name} <= {other.name for other in distractors()}
    assert sum(case.split == "heldout" for case in cases) == 40
