"""Hard searches are decided, and soon; where much is wrong, the first of it is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.evals.test_matching import Steps, call, tried


def starts_with(letters: int) -> dict[str, Any]:
    return {"tool": "t", "arguments": {"s": {"$regex": f"^a{{{letters},}}$"}}}


SAME = {"tool": "t"}
HARD: dict[str, tuple[Any, Steps, list[str]]] = {
    "fifty of two hundred in any order": (
        {"steps": [{"tool": "t", "arguments": {"n": 4 * n}} for n in range(50)], "order": "any"},
        [call("t", n=(n * 7) % 200) for n in range(200)],
        [],
    ),
    "the only step that fits is wanted by those that others fit too": (
        {"steps": [starts_with(n) for n in range(1, 31)], "order": "any"},
        [call("t", s="a" * ((n * 7) % 30 + 1)) for n in range(30)],
        [],
    ),
    "one too few": ({"steps": [SAME] * 50, "order": "any"}, [call("t")] * 49, ["missing"]),
    "one too many": ({"steps": [SAME] * 50, "order": "any", "extra": "forbid"}, [call("t")] * 51, ["extra"]),
    "one too few to repeat": (
        {"steps": [{"tool": "t", "times": 3}] * 10, "order": "any"},
        [call("t")] * 29,
        ["missing"],
    ),
    "optional ones before as many that must be": (
        {"steps": [{**SAME, "optional": True}] * 25 + [SAME] * 25, "extra": "forbid"},
        [call("t")] * 24,
        ["missing"],
    ),
    "any number of any number": (
        {"steps": [{**SAME, "times": [0, None]}] * 15 + [{"tool": "b"}], "extra": "forbid"},
        [call("t")] * 60,
        ["missing"],
    ),
    "eleven in one message where each has ten": (
        {"steps": [{"one_message": [SAME] * 11}]},
        [call("t", f"m{n % 20}") for n in range(200)],
        ["message"],
    ),
    "many variants": (
        {"steps": [{"one_of": [{"tool": f"a{n}"}, {"tool": f"b{n}"}]} for n in range(8)]},
        [call(f"b{n}") for n in range(7)] * 25,
        ["missing"],
    ),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", HARD)
def test_hard_searches_are_decided(name: str) -> None:
    expected, steps, problems = HARD[name]
    found = tried(expected, *steps)
    assert [problem.kind for problem in found.problems] == problems
    assert found.ok is (not problems)


def test_many_problems_are_told_by_the_first_of_them() -> None:
    found = tried({"steps": [{"tool": f"t{n}"} for n in range(50)]}, *[call(f"t{n}") for n in reversed(range(50))])
    assert len(found.problems) == 49
    assert found.diff.endswith("! and 37 more")
    assert found.reason.endswith("; and 37 more")
