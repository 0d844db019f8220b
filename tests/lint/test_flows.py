"""Flows do to the world only what their context does."""

from __future__ import annotations

from pathlib import Path

import pytest

import workflows
from tests.lint.flows import check, problems


def test_no_flow_of_ours_touches_what_differs_on_a_resume() -> None:
    assert check(Path(workflows.__file__).parent) == []


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("datetime.now()", "ctx.now"),
        ("dt.datetime.now(dt.UTC)", "ctx.now"),
        ("time.monotonic()", "ctx.now"),
        ("random.choice([1])", "step"),
        ("uuid4()", "ctx.uuid"),
        ("open('x')", "step"),
        ("os.environ['X']", "step"),
        ("asyncio.create_task(f())", "ctx.gather"),
        ("aio.wait_for(f(), 1)", "step_options"),
        ("await nap(1)", "ctx.sleep"),
        ("asyncio.wait([], return_when=asyncio.FIRST_COMPLETED)", "ctx.gather"),
        ("[x for x in {1, 2}]", "sorted"),
        ("list(set([1]) | {2})", "sorted"),
        ("[*chosen]", "sorted"),
        ("chosen.pop()", "sorted"),
    ],
)
def test_what_differs_on_a_resume_is_refused_and_the_verb_is_named(line: str, instead: str) -> None:
    source = (
        "import asyncio, os, random, time\nimport asyncio as aio\nimport datetime as dt\n"
        "from asyncio import sleep as nap\nfrom datetime import datetime\nfrom uuid import uuid4\n"
        f"async def flow(ctx, chosen: set[int]):\n    {line}\n"
    )
    found = problems(source)
    assert found
    assert all(instead in each for each in found)


def test_what_is_the_same_each_time_is_allowed() -> None:
    source = """
import asyncio
from datetime import datetime, timedelta
async def flow(ctx, request):
    words = {"a", "b"}
    at: datetime = await ctx.now()
    try:
        return [await ctx.step(f, word, timedelta(days=1)) for word in sorted(words)], "a" in words, len(words)
    except asyncio.CancelledError:
        raise
"""
    assert problems(source) == []
