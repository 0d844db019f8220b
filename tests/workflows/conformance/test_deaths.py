"""Killed with -9 anywhere, a run goes on where it was: nothing that finished is done again."""

from __future__ import annotations

from typing import Any

import pytest

NAMES = ["a", "b", "c", "d"]


@pytest.mark.parametrize("where", ["enter", "inside"])
async def test_a_run_killed_at_every_step_repeats_only_what_was_in_flight(runs: Any, where: str) -> None:
    runs.plan("kill", *[f"{where}.{name}" for name in NAMES])
    done = await runs.settle(await runs.submit("line", names=NAMES))
    assert done.result == {"said": ["A", "B", "C", "D"]}
    assert len(runs.deaths()) == len(NAMES)
    runs.check_counts(NAMES)
    if where == "enter":  # killed between two steps: nothing was in flight
        assert set(runs.counted().values()) == {1}


async def test_branches_that_finish_in_another_order_keep_their_own_results_across_deaths(runs: Any) -> None:
    branches = ["p", "q", "r"]
    steps = [f"{name}{number}" for name in branches for number in (1, 2)]
    runs.plan("kill", "inside.q1", "enter.r2", "inside.p2")
    done = await runs.settle(await runs.submit("fan", names=branches, seconds=0.1, seed=1))
    assert done.result == {"said": [["P1", "P2"], ["Q1", "Q2"], ["R1", "R2"]], "after": "AFTER"}
    counted = runs.counted()
    assert set(counted) == {*steps, "after"}
    # At most what was in flight is repeated: one call an open branch and death.
    assert sum(counted.values()) <= len(steps) + 1 + len(runs.deaths()) * len(branches)
    assert len({key for _, key in runs.effects()}) == len(steps) + 1
