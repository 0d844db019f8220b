"""Hard searches are decided, and soon; where much is wrong, the first of it is told."""

from __future__ import annotations

from typing import Any

import pytest

from lyceum.errors import UserError
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


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"arguments": {"v": {"$contians": "x"}}}, "no way to compare"),
        ({"arguments": {"v": {"$not": {"$any": [{"$regexp": "x"}]}}}}, "no way to compare"),
        ({"arguments": {"v": {"$regex": "("}}}, "no regular expression"),
        ({"arguments": {"v": {"$near": "three"}}}, "takes a number"),
        ({"arguments": {"v": {"$near": 3, "$within": None}}}, "takes a number"),
        ({"result": {"$subset": 3}}, "takes predicates by name"),
        ({"labels": {"v": {"$any": "abc"}}}, "takes a list"),
        ({"arguments": {"v": {"$path": "a[", "$is": 1}}}, "no JMESPath"),
        ({"any_of": [{"tool": "u", "arguments": {"v": {"$text": 1, "$regex": "x"}}}]}, "no way to compare"),
        ({"optional": True, "times": [2, 3]}, "write times: \\[0, 3\\]"),
    ],
)
def test_what_means_nothing_is_refused_even_where_no_step_is_compared_with_it(step: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        tried({"steps": [{"tool": "t", **step}]}, call("u"))


@pytest.mark.parametrize(
    ("path", "holds", "fits"),
    [
        ("x.y", {"$present": False}, True),
        ("x.y", {"$present": True}, False),
        ("x.y", None, True),
        ("[0].id", 7, True),
        ("[].id", {"$contains": 8}, True),
        ("[?id > `7`].id | [0]", {"$near": 8}, True),
        ("[-1].id", 7, False),
        ("[].id", {"$all": [{"$contains": 7}, {"$contains": 8}]}, True),
        ("[].id", {"$all": [{"$contains": 7}, {"$contains": 9}]}, False),
    ],
)
def test_a_path_reaches_into_lists_and_nothing_there_is_not_given(path: str, holds: Any, fits: bool) -> None:
    found = tried(
        {"steps": [{"tool": "t", "arguments": {"v": {"$path": path, "$is": holds}}}]},
        call("t", v=[{"id": 7}, {"id": 8}]),
    )
    assert found.ok is fits
