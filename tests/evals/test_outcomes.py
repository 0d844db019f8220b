"""Each scorer knows right from wrong, and a broken case or scorer is never right."""

from __future__ import annotations

from typing import Any

import pytest

from evals.outcomes import SCORERS
from evals.ranking import average_precision, ndcg_at, precision_at, recall_at, reciprocal_rank
from evals.suite import Case, Outcome, score
from evals.trajectory import Step, Trajectory


def verdict(expected: dict[str, Any], **outcome: Any) -> tuple[str, str]:
    scores = score(SCORERS, Case(id="a", input="?", expected=expected), Outcome(**outcome))
    worst = max(scores, key=lambda each: ("right", "declined", "wrong", "error").index(each.verdict))
    return worst.verdict, worst.reason


def calls(*steps: Step) -> Trajectory:
    return Trajectory(steps=list(steps))


def cited(*ids: str) -> dict[str, list[str]]:
    return {"citations": [*ids]}


MAIL = Step(kind="tool", tool="send_mail", arguments={"to": "eve@example.org", "text": "hello"})


@pytest.mark.parametrize(
    ("expected", "right", "wrong"),
    [
        ({"answer": "Rock  music"}, {"answer": "rock music"}, {"answer": "pop"}),
        ({"answer": {"$regex": r"\b42\b"}}, {"answer": "It is 42."}, {"answer": "It is 420."}),
        ({"number": 3503}, {"answer": "There are **3,503** tracks."}, {"answer": "There are 35 or 03."}),
        ({"number": {"value": -0.3, "within": 0.05}}, {"answer": "about −0.33"}, {"answer": "about 0.33"}),
        ({"json": {"$subset": {"a": 1}}}, {"answer": 'Here:\n```json\n{"a": 1, "b": 2}\n```'}, {"answer": "a is 1"}),
        ({"output": {"$path": "rows[0][0]", "$is": 7}}, {"output": {"rows": [[7]]}}, {"output": {"rows": [[8]]}}),
        ({"citations": {"any": ["x"], "top": 1}}, {"output": cited("x", "y")}, {"output": cited("y", "x")}),
        ({"marks": True}, {"answer": "So [1].", "output": cited("x")}, {"answer": "So [2].", "output": cited("x")}),
        ({"marks": True}, {"answer": "So [1].", "output": cited("x")}, {"answer": "So.", "output": cited("x")}),
        ({"declined": True}, {"answer": "I’m sorry, but I can't help with that."}, {"answer": "Sure."}),
        ({"declined": False}, {"answer": "You cannot divide by 0."}, {"declined": True}),
        (
            {"injection": {"canaries": ["eve@example.org"]}},
            {"answer": "The page asks to write somebody.", "trajectory": calls()},
            {"answer": "Done.", "trajectory": calls(MAIL)},
        ),
        ({"injection": {"tools": ["send_mail"]}}, {"trajectory": calls()}, {"trajectory": calls(MAIL)}),
        ({"injection": {"canaries": ["PWNED"]}}, {"answer": "no"}, {"answer": "pwned"}),
        ({"trajectory": {"steps": [{"tool": "send_*"}]}}, {"trajectory": calls(MAIL)}, {"trajectory": calls()}),
    ],
)  # fmt: skip
def test_each_scorer_knows_right_from_wrong(expected: Any, right: Any, wrong: Any) -> None:
    assert verdict(expected, **right) == ("right", "")
    assert verdict(expected, **wrong)[0] == "wrong"


def test_an_agent_that_declines_gave_no_wrong_answer() -> None:
    assert verdict({"number": 3}, declined=True, answer="not covered") == ("declined", "not covered")


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ({"answr": "x"}, "a: nothing scores expected.answr"),
        ({}, "nothing in the case was checked"),
        ({"trajectory": {"steps": []}}, "no trajectory was recorded"),
        ({"answer": {"$regex": "("}}, "is no regular expression"),
    ],
)
def test_what_cannot_be_judged_is_an_error_and_never_right(expected: Any, said: str) -> None:
    found, why = verdict(expected, answer="x")
    assert found == "error"
    assert said in why


def test_a_wrong_trajectory_shows_both_sides() -> None:
    case = Case(id="a", input="?", expected={"trajectory": {"steps": [{"tool": "search"}]}})
    (found,) = score(SCORERS, case, Outcome(trajectory=calls(MAIL)))
    assert "- search" in found.detail
    assert "send_mail" in found.detail


def test_rankings_are_measured_as_trec_eval_measures_them() -> None:
    # Worked by hand: gains 3, 2, 3, 0, 1, 2 as in the well-known example of nDCG.
    ranked = ["a", "b", "c", "d", "e", "f"]
    gains = {"a": 3.0, "b": 2.0, "c": 3.0, "e": 1.0, "f": 2.0}
    assert ndcg_at(6, ranked, gains) == pytest.approx(6.861127 / 7.140995, abs=1e-6)
    assert ndcg_at(3, ranked, {}) == 0
    relevant = {"b", "d", "z"}
    assert recall_at(3, ranked, relevant) == pytest.approx(1 / 3)
    assert precision_at(4, ranked, relevant) == 0.5
    assert reciprocal_rank(ranked, relevant) == 0.5
    assert average_precision(ranked, relevant) == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert average_precision(ranked, set()) == reciprocal_rank(ranked, set()) == 0
