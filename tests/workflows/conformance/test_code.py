"""A release changes a flow while a run of it is under way: guarded it goes on, unguarded it is refused and told why."""

from __future__ import annotations

from typing import Any

import pytest

SLOW = pytest.mark.slow


async def held(runs: Any, code: str) -> str:
    """Begin a run on the first release, kill its process in step c and put another release in place."""
    runs.plan("hold", "c")
    run = await runs.submit("changes")
    runs.begin(run)
    await runs.reach("c")
    (runs.folder / "code").write_text(code)
    runs.crash()
    runs.release("c")
    return run


@pytest.mark.parametrize("code", [pytest.param("first", marks=pytest.mark.slow), "guarded"])
async def test_a_guarded_change_leaves_runs_that_began_before_it_as_they_were(runs: Any, code: str) -> None:
    done = await runs.settle(await held(runs, code))
    assert (done.status, done.result) == ("done", {"said": ["A", "B", "C"]})
    assert (runs.counted()["a"], runs.counted()["b"]) == (1, 1)


async def test_a_new_run_takes_the_guarded_change(runs: Any) -> None:
    (runs.folder / "code").write_text("guarded")
    runs.plan("kill", "enter.new")
    done = await runs.settle(await runs.submit("changes"))
    assert done.result == {"said": ["A", "NEW", "B", "C"]}


@pytest.mark.parametrize(
    "code", ["inserted", *[pytest.param(code, marks=SLOW) for code in ("renamed", "shorter", "swallows")]]
)
async def test_an_unguarded_change_is_refused_with_an_explanation(runs: Any, code: str) -> None:
    run = await held(runs, code)
    done = await runs.settle(run)
    assert done.status == "failed"
    assert "cannot be resumed" in done.error
    assert "ctx.version" in done.error
    assert f"lyceum runs fork {run}" in done.error
    assert "new" not in runs.counted()
    assert "other" not in runs.counted()


@pytest.mark.slow
async def test_on_the_journal_a_refused_run_goes_on_once_its_code_is_back(runs: Any) -> None:
    if runs.name != "journal":
        pytest.skip("a run that ended on Temporal is forked")
    run = await held(runs, "inserted")
    assert (await runs.settle(run)).status == "failed"
    (runs.folder / "code").write_text("first")
    assert (await runs.engine.retry(run)).result == {"said": ["A", "B", "C"]}
    assert (runs.counted()["a"], runs.counted()["b"]) == (1, 1)
