"""The first tier: fast, and on the clock of the wall."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from mcp_servers.sandbox.execution import OUTPUT_BYTES
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


def test_a_value_becomes_text_inside_and_an_endless_one_costs_nothing_here() -> None:
    huge = Monty().run("{n: str(n) for n in range(300_000)}", 5)
    assert huge.results[0].text.startswith("{0: '0', 1: '1'")
    assert len(huge.results[0].text) == OUTPUT_BYTES
    digits = Monty().run("2 ** 20_000", 5)
    assert digits.error is not None
    assert "4300 digits" in digits.error.value, "as Python itself says it"
    assert Monty().run("ß = 'é'; ß  # the last", 5).results[0].text == "'é'"
    failed = Monty().run("def f():\n  return 1 / 0\nf() + 1", 5).error
    assert failed is not None
    assert "    f() + 1\n    ~~~\n" in failed.traceback, "as it was written"


@pytest.mark.slow
def test_a_process_that_ran_something_ends_as_it_should() -> None:
    code = "from mcp_servers.sandbox.monty import Monty; Monty().run('1', 5)"
    for _ in range(5):
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
