"""The first tier: fast, and on the clock of the wall."""

from __future__ import annotations

import time

import pytest

from mcp_servers.sandbox.monty import Monty, beyond_subset


@pytest.mark.parametrize(
    "code",
    [
        "import time\ntime.sleep(30)",
        "import asyncio\nawait asyncio.sleep(30)",
        "while True:\n  pass",
        "10 ** 10 ** 8",
        "import time\nwhile True:\n  try:\n    time.sleep(30)\n  except BaseException:\n    pass",
        "import time\nfor i in range(10**6):\n  time.sleep(0.01)\n  sum(range(10**5))",
    ],
    ids=["sleep", "await", "busy", "one long operation", "catching", "sleeping and busy by turns"],
)
def test_sleeping_and_waiting_count_as_running(code: str) -> None:
    start = time.monotonic()
    done = Monty().run(code, 0.3)
    assert time.monotonic() - start < 1.5
    assert done.error is not None
    assert done.error.name == "TimeoutError"


async def test_it_runs_where_an_event_loop_runs_already() -> None:
    assert Monty().run("6 * 7", 5).results[0].text == "42"


def test_what_was_printed_before_the_error_is_kept() -> None:
    done = Monty().run("print('seen')\n1 / 0", 5)
    assert done.stdout == "seen\n"
    assert done.error is not None
    assert (done.error.name, done.error.value) == ("ZeroDivisionError", "division by zero")
    assert "line 2" in done.error.traceback


@pytest.mark.parametrize(
    ("code", "beyond"),
    [("import subprocess", True), ("del x", True), ("1 +", True), ("import os; os.environ", True), ("1 / 0", False)],
)
def test_what_full_python_may_do_is_told_from_what_is_wrong(code: str, beyond: bool) -> None:
    assert beyond_subset(Monty().run(code, 5)) is beyond
