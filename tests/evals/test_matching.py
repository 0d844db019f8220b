"""A trajectory matches when some reading of it keeps every rule; when none does, the difference is named."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.matching import match
from evals.matching.expectation import Expectation, read_expectation
from evals.matching.predicates import complaint
from evals.matching.search import Search
from evals.trajectory import Step, Trajectory, apart, earlier
from lyceum.errors import UserError

Steps = list[Step]


def call(tool: str, group: str = "", **arguments: Any) -> Step:
    return Step(kind="tool", tool=tool, server="s", group=group, arguments=arguments)


def tried(expected: Any, *steps: Step, **told: Any) -> Any:
    return match(read_expectation(expected), Trajectory(steps=list(steps), **told))


# any order that the partial order allows

ORDERS = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        st.just(n), st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda e: e[0] < e[1]))
    )
)


def expectation_of(order: tuple[int, set[tuple[int, int]]], **more: Any) -> Expectation:
    n, edges = order
    steps = [
        {"id": f"n{i}", "tool": f"t{i}", "arguments": {"at": i}, "after": [f"n{a}" for a, b in edges if b == i]}
        for i in range(n)
    ]
    return read_expectation({"steps": steps, "order": "any", **more})


def an_extension(data: st.DataObject, order: tuple[int, set[tuple[int, int]]]) -> list[int]:
    n, edges = order
    left, done = set(range(n)), []
    while left:
        ready = sorted(i for i in left if not any(b == i and a in left for a, b in edges))
        done.append(data.draw(st.sampled_from(ready)))
        left.remove(done[-1])
    return done


@given(ORDERS, st.data())
@settings(deadline=None)
def test_every_linear_extension_matches_with_other_calls_in_between(order: Any, data: st.DataObject) -> None:
    steps: Steps = []
    for i in an_extension(data, order):
        steps += [call("other", x=1)] * data.draw(st.integers(0, 2)) + [call(f"t{i}", at=i, more="x")]
    assert match(expectation_of(order), Trajectory(steps=steps)).ok


@given(ORDERS, st.data())
@settings(deadline=None)
def test_no_sabotage_of_a_required_step_matches_and_each_is_named(order: Any, data: st.DataObject) -> None:
    ways = an_extension(data, order)
    victim = data.draw(st.sampled_from(ways))
    how = data.draw(st.sampled_from(["removed", "argument", "tool", "server", "late", "extra"]))
    steps = [call(f"t{i}", at=i) for i in ways]
    place = ways.index(victim)
    expected = expectation_of(order, extra="forbid")
    if how == "removed":
        del steps[place]
    elif how == "argument":
        steps[place] = call(f"t{victim}", at=victim + 1)
    elif how == "tool":
        steps[place] = call("else", at=victim)
    elif how == "server":
        expected = read_expectation(
            {**expected.model_dump(), "steps": [{**s, "server": "s"} for s in expected.model_dump()["steps"]]}
        )
        steps[place] = steps[place].model_copy(update={"server": "evil"})
    elif how == "late":
        followers = [b for a, b in order[1] if a == victim]
        if not followers:
            return
        steps.append(steps.pop(place))
    else:
        steps.insert(place, call("unasked"))
    found = match(expected, Trajectory(steps=steps))
    assert not found.ok
    assert ("unasked" if how == "extra" else f"t{victim}") in found.reason
    assert found.reason.split(";")[0] in found.diff


# the search against trying every assignment

NODES = st.lists(
    st.fixed_dictionaries(
        {
            "any_of": st.lists(st.sampled_from("abc"), min_size=1, max_size=2).map(
                lambda tools: [{"tool": tool} for tool in tools]
            ),
            "times": st.sampled_from([1, 2, [0, 1], [1, 2], [1, None]]),
        }
    ),
    min_size=1,
    max_size=3,
)
ACTUAL = st.lists(
    st.builds(
        lambda tool, group, branch: Step(kind="tool", tool=tool, group=group, branch=branch),
        st.sampled_from("abcd"),
        st.sampled_from(["", "g", "h"]),
        st.sampled_from(["", "f.0", "f.1"]),
    ),
    max_size=5,
)


def by_trying_all(expected: Expectation, steps: Steps) -> bool:
    (plan,) = expected.plans()
    known = earlier(steps)
    for choice in product(range(-1, len(plan.nodes)), repeat=len(steps)):
        has = [[s for s, n in enumerate(choice) if n == node] for node in range(len(plan.nodes))]
        fits = all(any(p.fits(steps[s]) for p in plan.nodes[n].patterns) for n, taken in enumerate(has) for s in taken)
        counts = all(node.least <= len(taken) <= (node.most or 99) for node, taken in zip(plan.nodes, has, strict=True))
        order = all(
            known[s] >> first & 1
            for n in range(len(plan.nodes))
            for before in range(len(plan.nodes))
            if plan.before[n] >> before & 1
            for s in has[n]
            for first in has[before]
        )
        together = all(
            len({(steps[s].branch, steps[s].group) if steps[s].group else s for n in range(len(has)) if mask >> n & 1
                 for s in has[n]}) <= 1
            for mask in plan.together
        )  # fmt: skip
        if fits and counts and order and together and (expected.extra == "allow" or -1 not in choice):
            return True
    return False


@given(NODES, ACTUAL, st.sampled_from(["allow", "forbid"]), st.sampled_from(["listed", "any", "one_message"]))
@settings(deadline=None, max_examples=150)
def test_the_search_finds_an_assignment_exactly_where_there_is_one(
    nodes: list[Any], steps: Steps, extra: str, order: str
) -> None:
    given_steps = [{"one_message": nodes}] if order == "one_message" else nodes
    expected = read_expectation({"steps": given_steps, "extra": extra, "order": order.replace("one_message", "any")})
    (plan,) = expected.plans()
    found = Search(plan, steps, extra=extra == "allow").run()
    assert (found is not None) == by_trying_all(expected, steps)
    assert match(expected, Trajectory(steps=steps)).ok == (found is not None)


@given(ACTUAL)
def test_what_was_over_before_is_a_strict_order_that_knows_no_step_of_its_own_message(steps: Steps) -> None:
    known = earlier(steps)
    for n, mask in enumerate(known):
        assert mask < 1 << n
        for before in range(n):
            if mask >> before & 1:
                assert known[before] & ~mask == 0


# what a person writes

SEARCH_THEN_SEND = {"steps": [{"id": "search", "tool": "search"}, {"tool": "send"}]}


def test_two_calls_of_one_message_may_swap_and_calls_of_two_messages_may_not() -> None:
    together = {"steps": [{"any_order": [{"tool": "a"}, {"tool": "b"}]}, {"tool": "c"}]}
    assert tried(together, call("b", "m1"), call("a", "m1"), call("c", "m2")).ok
    assert not tried(SEARCH_THEN_SEND, call("send"), call("search")).ok
    blind = tried(SEARCH_THEN_SEND, call("search", "m1"), call("send", "m1"))
    assert "came without waiting for step 1 (s.search)" in blind.reason


def test_calls_of_one_message_can_be_asked_for() -> None:
    expected = {"steps": [{"one_message": [{"tool": "a"}, {"tool": "b"}]}]}
    assert tried(expected, call("b", "m"), call("a", "m")).ok
    assert "should be calls of one message" in tried(expected, call("a", "m"), call("b", "n")).reason


def test_arms_of_one_fork_do_not_wait_for_each_other() -> None:
    left = Step(kind="tool", tool="search", branch="f.0")
    right = Step(kind="tool", tool="send", branch="f.1")
    assert apart(left, right)
    assert not tried(SEARCH_THEN_SEND, left, right).ok
    joined = Step(kind="handoff", tool="reviewer")
    assert tried(SEARCH_THEN_SEND, left, joined, right.model_copy(update={"branch": "g.1"})).ok


def test_alternatives_optional_and_repeated_steps() -> None:
    expected = {
        "steps": [
            {"one_of": [{"tool": "cache"}, {"sequence": [{"tool": "search", "times": [1, 3]}, {"tool": "read"}]}]},
            {"tool": "check", "optional": True},
            {"tool": "answer"},
        ],
        "extra": "forbid",
    }
    search, read, cache, check, answer = (call(name) for name in ("search", "read", "cache", "check", "answer"))
    assert tried(expected, cache, answer).ok
    assert tried(expected, search, search, read, check, answer).ok
    assert not tried(expected, cache, search, answer).ok
    assert not tried(expected, search, search, search, search, read, answer).ok
    assert not tried(expected, cache, answer, check).ok


def test_a_step_is_forbidden_until_another_is_over() -> None:
    expected = {
        "steps": [{"id": "yes", "kind": "approval", "ok": True}],
        "forbid": [{"tool": "pay", "before": "yes"}, {"tool": "delete_*"}],
    }
    yes = Step(kind="approval", tool="pay", ok=True)
    assert tried(expected, yes, call("pay")).ok
    assert "(s.pay) is forbidden until 'yes' is over" in tried(expected, call("pay"), yes).reason
    assert "(s.delete_all) is forbidden" in tried(expected, yes, call("delete_all")).reason


def test_who_did_it_and_on_which_server_is_part_of_a_step() -> None:
    step = Step(kind="tool", tool="query", server="sql", agent="sql")
    assert tried({"steps": [{"tool": "query", "server": "sql", "agent": "sql"}]}, step).ok
    wrong = tried({"steps": [{"tool": "query", "server": "web", "agent": "sql"}]}, step)
    assert [problem.kind for problem in wrong.problems] == ["identity"]
    assert "expected of server web and agent sql" in wrong.diff


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"calls": 2}, "calls: at most 2, used 3"),
        ({"tokens": 10}, "tokens: at most 10, used 12"),
        ({"cost": 0.01}, "cost: at most 0.01, but what was used is not known"),
        ({"seconds": 1}, "seconds: at most 1, used 2.5"),
        ({"loops": 2}, "loops: at most 2, used 3"),
        ({"model_calls": 0}, "model_calls: at most 0, used 1"),
    ],
)
def test_every_budget_is_held(budget: dict[str, float], said: str) -> None:
    model = Step(kind="model", tool="m", input_tokens=7, output_tokens=5)
    assert said in tried({"budget": budget}, model, *[call("a", x=1)] * 3, seconds=2.5).reason


def test_the_difference_is_shown_side_by_side() -> None:
    expected = {
        "steps": [{"tool": "search", "arguments": {"query": {"$contains": "attention"}}}, {"tool": "read"}],
        "extra": "forbid",
    }
    shown = tried(expected, call("search", query="weather"), call("send", to="x")).diff
    assert shown == (
        "  expected                                             happened\n"
        '~ search {"query": {"$contains": "attention"}}          1 s.search {"query": "weather"}\n'
        '+                                                       2 s.send {"to": "x"}\n'
        "- read\n"
        '! step 1 (s.search): query: expected {"$contains": "attention"}, got "weather"\n'
        "! read did not happen\n"
        "! step 2 (s.send) was not expected"
    )


def test_a_vague_expectation_is_refused_and_not_guessed() -> None:
    pairs = {"any_order": [{"sequence": [{"tool": "a"}, {"tool": "b"}]} for _ in range(9)]}
    found = tried({"steps": [pairs]}, *[call("a")] * 8, *[call("b")] * 9, call("a"))
    assert [problem.kind for problem in found.problems] == ["vague"]


# what may differ, and what may be done besides


@given(NODES, ACTUAL, st.sampled_from(["allow", "forbid"]), st.sampled_from(["listed", "any"]), st.data())
@settings(deadline=None, max_examples=150)
def test_calls_of_one_message_may_come_in_any_order(
    nodes: list[Any], steps: Steps, extra: str, order: str, data: st.DataObject
) -> None:
    expected = read_expectation({"steps": nodes, "extra": extra, "order": order})
    message = [step.model_copy(update={"group": "one", "branch": ""}) for step in steps]
    before, after = Step(kind="tool", tool="a"), Step(kind="tool", tool="b")
    others = data.draw(st.permutations(message))
    verdicts = {match(expected, Trajectory(steps=[before, *each, after])).ok for each in (message, others)}
    assert len(verdicts) == 1


@given(NODES, ACTUAL, st.sampled_from(["listed", "any"]), st.integers(0, 5), st.sampled_from("abcd"))
@settings(deadline=None, max_examples=150)
def test_an_allowed_call_more_never_makes_a_match_a_mismatch(
    nodes: list[Any], steps: Steps, order: str, place: int, tool: str
) -> None:
    expected = read_expectation({"steps": nodes, "order": order})
    more = [*steps[:place], Step(kind="tool", tool=tool), *steps[place:]]
    if match(expected, Trajectory(steps=[step.model_copy(update={"branch": ""}) for step in steps])).ok:
        assert match(expected, Trajectory(steps=[step.model_copy(update={"branch": ""}) for step in more])).ok


@pytest.mark.parametrize(
    ("predicate", "right", "wrong"),
    [
        (3, 3.0, 4),
        (1, 1.0, True),
        ("x", "x", "X"),
        ({"a": [1]}, {"a": [1]}, {"a": [1], "b": 2}),
        ({"$text": "Hello  World"}, " hello world ", "hello"),
        ({"$contains": "GROUP by"}, "select x group   by y", "select x"),
        ({"$contains": 2}, [1, 2], [1]),
        ({"$regex": r"^SELECT\b"}, "SELECT 1", "DELETE"),
        ({"$near": 10, "$within": 0.5}, "10.4", 10.6),
        ({"$near": 200, "$relative": 0.01}, 201.9, 203),
        ({"$subset": {"a": {"$near": 1}}}, {"a": 1.0, "b": 2}, {"b": 2}),
        ({"$any": [1, {"$regex": "^a"}]}, "abc", "b"),
        ({"$not": {"$contains": "secret"}}, "fine", "a secret"),
        ({"$path": "items[0].name", "$is": "x"}, {"items": [{"name": "x"}]}, {"items": []}),
        ({"$path": "items"}, {"items": 1}, {"other": 1}),
        (lambda value: value > 3, 4, 3),
    ],
)
def test_each_way_to_compare(predicate: Any, right: Any, wrong: Any) -> None:
    assert complaint(predicate, right) == ""
    assert complaint(predicate, wrong)


def test_an_argument_that_was_not_given_satisfies_no_value() -> None:
    present = {"steps": [{"tool": "a", "arguments": {"x": {"$present": False}}}]}
    assert tried(present, call("a")).ok
    assert "x: expected 1, was not given" in tried({"steps": [{"tool": "a", "arguments": {"x": 1}}]}, call("a")).reason
    exactly = {"steps": [{"tool": "a", "arguments": {"x": 1}, "exactly": True}]}
    assert "y: 2 should not be given" in tried(exactly, call("a", x=1, y=2)).reason


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ({"steps": [{"tol": "a"}]}, "tol: Extra inputs"),
        ({"steps": ["a"]}, "a step is an object"),
        ({"steps": [{"tool": "a", "after": ["b"]}]}, "no step with the id 'b'"),
        ({"steps": [{"id": "a", "after": ["b"]}, {"id": "b", "after": ["a"]}], "order": "any"}, "after itself"),
        ({"steps": [{"id": "a"}, {"id": "a"}]}, "two steps have the id"),
        ({"steps": [{"one_of": {"tool": "a"}}]}, "one_of holds a list"),
        ({"steps": [{"tool": "a", "times": [3, 2]}]}, "times must be"),
        ({"forbid": [{"tool": "x", "before": "nope"}]}, "forbid.before names no step"),
        ({"budget": {"call": 3}}, "call: Extra inputs"),
    ],
)
def test_what_means_nothing_is_refused_with_its_place(expected: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_expectation(expected)


def test_a_misspelt_comparison_never_passes() -> None:
    with pytest.raises(UserError, match="Did you mean '\\$regex'"):
        tried({"steps": [{"tool": "a", "arguments": {"x": {"$regexp": "."}}}]}, call("a", x="y"))
