"""Random flows with random deaths, against a model that needs no engine to know what comes out."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.workflows.conformance.harness import JournalRuns, Runs, TemporalRuns

NODE = st.recursive(
    st.sampled_from(["step", "step", "now", "note"]),
    lambda inner: st.lists(st.lists(inner, min_size=1, max_size=3), min_size=1, max_size=3),
    max_leaves=8,
)
TREE = st.lists(NODE, min_size=1, max_size=5)
POINTS = st.lists(st.tuples(st.sampled_from(["enter", "inside"]), st.integers(0, 30)), max_size=3)


def named(tree: list[Any], numbers: Iterator[int]) -> list[Any]:
    """Give every step a name of its own."""
    return [
        named(node, numbers) if isinstance(node, list) else f"s{next(numbers)}" if node == "step" else node
        for node in tree
    ]


def leaves(tree: Any) -> list[str]:
    if isinstance(tree, list):
        return [leaf for node in tree for leaf in leaves(node)]
    return [tree] if tree.startswith("s") else []


def expected(tree: list[Any]) -> list[Any]:
    """What the flow returns: a step its name in capitals, a gather its branches' results in the order given."""
    grown: list[Any] = []
    for node in tree:
        if isinstance(node, list):
            grown.append([expected(branch if isinstance(branch, list) else [branch]) for branch in node])
        elif node.startswith("s"):
            grown.append(node.upper())
    return grown


def width(tree: Any) -> int:
    """How many steps can be in flight at once."""
    if not isinstance(tree, list):
        return 1
    return max((max(1, sum(width(b) for b in node)) if isinstance(node, list) else 1 for node in tree), default=1)


async def survive(runs: Runs, tree: list[Any], points: list[tuple[str, int]]) -> None:
    os.environ["CONFORMANCE"] = str(runs.folder)
    steps = leaves(tree)
    if steps:
        runs.plan("kill", *{f"{where}.{steps[number % len(steps)]}" for where, number in points})
    done = await runs.settle(await runs.submit("tree", tree=tree))  # type: ignore[attr-defined]
    assert done.status == "done", done.error
    assert done.result == expected(tree)
    counted = runs.counted()
    assert set(counted) == set(steps)
    deaths = len(runs.deaths())
    assert sum(counted.values()) - len(steps) <= deaths * width(tree)
    assert len({key for _, key in runs.effects()}) == len(steps)
    events = await runs.engine.runtime.store.events(done.id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


def check_journal(tree: list[Any], points: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        runs = JournalRuns(Path(folder))
        try:
            asyncio.run(survive(runs, named(tree, iter(range(1000))), points))
        finally:
            runs.close()


QUICK = settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@QUICK
@given(TREE, POINTS)
def test_a_random_flow_with_random_deaths_ends_as_the_model_says(tree: list[Any], points: list[Any]) -> None:
    check_journal(tree, points)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(QUICK, max_examples=200, derandomize=False)
@given(TREE, POINTS)
def test_many_random_flows_with_random_deaths_end_as_the_model_says(tree: list[Any], points: list[Any]) -> None:
    check_journal(tree, points)


@pytest.mark.service
@pytest.mark.timeout(600)
def test_random_flows_with_random_deaths_end_on_temporal_as_the_model_says(temporal_server: Any) -> None:
    @settings(QUICK, max_examples=15)
    @given(TREE, POINTS)
    def check(tree: list[Any], points: list[tuple[str, int]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            runs = TemporalRuns(Path(folder), f"127.0.0.1:{temporal_server[1]}")
            try:
                asyncio.run(survive(runs, named(tree, iter(range(1000))), points))
            finally:
                runs.close()

    check()
