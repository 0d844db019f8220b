"""Code that must pass tests: what an agent wrote is run, in isolation, with the tests that the case holds."""

from __future__ import annotations

import ast
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from evals.suite import Case, Outcome, Score, Scorer
from evals.verdicts import blocks_in, held_in, judged, unless_declined, wanted

_IN_TESTS = re.compile(r'"tests\.py", line (\d+)')


@dataclass(frozen=True)
class Ran:
    """The value of a program's last expression, and the error that ended it, with where; empty where it ended well."""

    value: str = ""
    error: str = ""
    traceback: str = ""


Run = Callable[[str, Mapping[str, bytes], float], Ran]  # runs Python beside files, in isolation, for so many seconds


class Tests(BaseModel):
    """`expected.tests`: Python that is run after the agent's, in its names; functions `test_...` are then called.

    The agent's code is the module `solution`.
    """

    model_config = ConfigDict(extra="forbid")

    code: str
    seconds: float = Field(default=10, gt=0, le=60)


# The mark is its value: code that ends the program before its tests have run has not passed them.
_PROGRAM = """
import sys, types
sys.path.insert(0, "")
import solution
names = dict(vars(solution))
exec(compile(open("tests.py").read(), "tests.py", "exec"), names)
for name, test in list(names.items()):
    if name.startswith("test") and isinstance(test, types.FunctionType) and test is not vars(solution).get(name):
        test()
{mark!r}
"""


def tested_by(run: Run) -> Scorer:
    """Return the scorer of `expected.tests`; `run` is where code may run."""

    def score_tests(case: Case, outcome: Outcome) -> Score | None:
        if "tests" not in case.expected:
            return None
        given = case.expected["tests"]
        expected = wanted(Tests, {"code": given} if isinstance(given, str) else given, f"{case.id}: tests")
        code = _code(outcome)
        if not code:
            return unless_declined("tests", outcome, "no code was given")
        mark = secrets.token_hex(8)
        files = {"solution.py": code.encode(), "tests.py": expected.code.encode()}
        ran = run(_PROGRAM.format(mark=mark), files, expected.seconds)
        if ran.error:
            return judged("tests", False, f"{ran.error}{_where(expected.code, ran.traceback)}", code)
        ended = mark in ran.value
        return judged("tests", ended, "" if ended else "it ended before its tests had run", "" if ended else code)

    return score_tests


def _where(tests: str, traceback: str) -> str:
    """Return the test's line that a traceback ends in."""
    lines = _IN_TESTS.findall(traceback)
    return f", in {tests.splitlines()[int(lines[-1]) - 1].strip()!r}" if lines else ""


def _code(outcome: Outcome) -> str:
    """Return the code of an outcome: its typed output's, the answer's blocks, or the answer itself if that is code."""
    if held := held_in(outcome, "code"):
        return str(held)
    if blocks := blocks_in(outcome.answer, "python", "py", "python3"):
        return "\n\n".join(blocks)
    try:
        ast.parse(outcome.answer)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return outcome.answer.strip()
