"""What is called worse is worse, what is called the same is not much worse, and the rest is called underpowered."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.statistics import (
    Comparison,
    benjamini_hochberg,
    cases_needed,
    compare,
    detectable,
    flaky,
    holm,
    pass_all,
    pass_at,
    power,
)

COUNTS = st.integers(1, 8).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n), st.integers(1, n)))


@given(COUNTS)
def test_pass_rates_are_the_share_of_all_choices_of_k_trials(counts: tuple[int, int, int]) -> None:
    successes, trials, k = counts
    drawn = list(combinations([True] * successes + [False] * (trials - successes), k))
    assert pass_at(successes, trials, k) == pytest.approx(sum(map(any, drawn)) / len(drawn))
    assert pass_all(successes, trials, k) == pytest.approx(sum(map(all, drawn)) / len(drawn))


@pytest.mark.parametrize("wrong", [(3, 2, 1), (1, 2, 3), (1, 2, 0), (-1, 2, 1)])
def test_impossible_counts_are_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="say nothing about"):
        pass_all(*wrong)


def test_cases_whose_trials_disagree_are_flaky() -> None:
    found = flaky(
        {"sure": [True] * 4, "never": [False] * 4, "rare": [True, False, False, False], "coin": [True, False]}
    )
    assert [(one.case, one.passed, one.trials) for one in found] == [("coin", 1, 2), ("rare", 1, 4)]
    assert found[1].low == pytest.approx(0.0456, abs=1e-4)


def test_adjusted_p_values_of_a_known_example() -> None:
    # by hand: 4 x 0.005, 3 x 0.01, 2 x 0.03, and never below the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_adjusting_never_makes_a_finding_surer_and_keeps_the_order(p_values: list[float]) -> None:
    for adjust in (holm, benjamini_hochberg):
        adjusted = adjust(p_values)
        assert all(before <= after + 1e-12 for before, after in zip(p_values, adjusted, strict=True))
        for i, j in combinations(range(len(p_values)), 2):
            if p_values[i] < p_values[j]:
                assert adjusted[i] <= adjusted[j]


# simulated agents: cases differ in how often they pass, most nearly always


def simulated(cases: int, trials: tuple[int, int], drop: float, runs: int, *, whole: bool = False) -> list[Comparison]:
    """Compare agents of which the later is worse by `drop`: a little in every case, or wholly in a few."""
    rng = np.random.default_rng(cases + sum(trials))
    found: list[Comparison] = []
    for seed in range(runs):
        rates = rng.beta(2, 0.5, cases)
        sides: list[dict[str, Any]] = []
        kept = (rng.random(cases) >= drop / 0.8) if whole else np.full(cases, 1 - drop / 0.8)
        for count, now in zip(trials, (rates, rates * kept), strict=True):
            passed = rng.random((cases, count)) < now[:, None]
            sides.append({str(case): row.astype(float) for case, row in enumerate(passed)})
        found.append(compare(*sides, resamples=399, seed=seed))
    return found


def share(found: list[Comparison], decision: str) -> float:
    return sum(each.decide() == decision for each in found) / len(found)


@pytest.mark.parametrize(("cases", "trials"), [(20, (1, 1)), (60, (1, 1)), (40, (5, 5)), (40, (1, 5)), (40, (5, 1))])
def test_without_a_change_false_alarms_stay_below_6_percent_and_intervals_hold(cases: int, trials: Any) -> None:
    found = simulated(cases, trials, 0.0, 400)
    assert share(found, "worse") <= 0.06
    assert np.mean([each.low <= 0 <= each.high for each in found]) >= 0.9
    assert np.mean([each.bound <= 0 for each in found]) >= 0.9


def test_with_a_real_drop_it_is_found_or_called_underpowered_and_hardly_ever_the_same() -> None:
    found = simulated(60, (3, 3), 0.12, 200)
    assert share(found, "worse") >= 0.8
    assert share(found, "same") <= 0.05
    assert np.mean([each.low <= -0.12 <= each.high for each in found]) >= 0.9
    few = simulated(15, (1, 1), 0.12, 200)
    assert share(few, "underpowered") >= 0.6
    assert share(few, "same") <= 0.05


@pytest.mark.parametrize("trials", [(1, 1), (5, 5)])
@pytest.mark.parametrize("whole", [False, True])
def test_so_many_cases_as_are_said_to_be_needed_find_the_drop_about_four_times_in_five(
    trials: tuple[int, int], whole: bool
) -> None:
    quiet = simulated(80, trials, 0.0, 60)
    needed = round(float(np.median([each.needed_whole if whole else each.needed for each in quiet])))
    assert 0.72 <= share(simulated(needed, trials, 0.05, 300, whole=whole), "worse") <= 0.9


@pytest.mark.parametrize("whole", [False, True])
def test_the_drop_called_detectable_is_found_about_four_times_in_five(whole: bool) -> None:
    quiet = simulated(80, (3, 3), 0.0, 50)
    drop = float(np.median([each.detectable_whole if whole else each.detectable for each in quiet]))
    assert 0.7 <= share(simulated(80, (3, 3), drop, 300, whole=whole), "worse") <= 0.92


# other agents than those, and agents of which single cases became better or worse but not the whole


@pytest.mark.parametrize("trials", [(1, 5), (5, 1)])
@pytest.mark.parametrize("shape", [(1.0, 1.0), (0.3, 0.3), (0.5, 2.0), (30.0, 1.0)])
@pytest.mark.parametrize("moved", [0.0, 0.4])
def test_no_kind_of_agent_and_no_cases_that_change_places_raise_false_alarms(
    trials: tuple[int, int], shape: tuple[float, float], moved: float
) -> None:
    rng = np.random.default_rng(17)
    found: list[Comparison] = []
    for seed in range(400):
        before = rng.beta(*shape, 40)
        rates = before, np.where(rng.random(40) < moved, rng.beta(*shape, 40), before)
        sides = [rng.random((40, count)) < each[:, None] for count, each in zip(trials, rates, strict=True)]
        named: list[Any] = [{str(case): row.astype(float) for case, row in enumerate(side)} for side in sides]
        found.append(compare(named[0], named[1], resamples=399, seed=seed))
    assert share(found, "worse") <= 0.06
    assert np.mean([each.low <= 0 <= each.high for each in found]) >= 0.9


def test_the_same_results_are_surely_no_regression_only_with_enough_cases() -> None:
    all_right = {str(case): [1.0] for case in range(200)}
    assert compare(all_right, all_right).decide() == "same"
    few = compare(*[{str(case): [1.0] for case in range(10)}] * 2)
    assert few.decide() == "underpowered"
    assert few.needed > 10


def test_one_case_of_many_trials_is_one_case() -> None:
    found = compare({"a": [1.0] * 1000}, {"a": [0.0] * 1000})
    assert found.p_worse == 0.5
    assert found.decide() == "underpowered"


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
@settings(deadline=None, max_examples=40)
def test_the_test_of_single_trials_is_mcnemars_and_the_verdict_is_always_the_same(pairs: list[Any]) -> None:
    before = {str(n): [float(b)] for n, (b, _) in enumerate(pairs)}
    now = {str(n): [float(a)] for n, (_, a) in enumerate(pairs)}
    found = compare(before, now, resamples=200)
    assert found == compare(before, now, resamples=200)
    assert found.low <= found.difference <= found.high
    assert 0 < found.p_worse <= 1


def test_power_and_the_cases_it_needs_agree() -> None:
    needed = cases_needed(0.05, 0.4)
    assert power(0.05, needed, 0.4) == pytest.approx(0.8, abs=0.01)
    assert detectable(needed, 0.4) == pytest.approx(0.05, abs=0.001)
    with pytest.raises(ValueError, match="nothing"):
        cases_needed(0, 1)


def test_cases_that_only_one_side_has_are_left_out_and_none_at_all_is_refused() -> None:
    assert compare({"a": [1.0], "b": [1.0]}, {"b": [0.0], "c": [0.0]}).cases == 1
    with pytest.raises(ValueError, match="no case"):
        compare({"a": [1.0]}, {"b": [1.0]})


@pytest.mark.extra
def test_the_numbers_are_those_of_scipy() -> None:
    from scipy import stats

    from evals.intervals import wilson

    interval = stats.binomtest(17, 23).proportion_ci(method="wilson")
    assert wilson(17, 23) == pytest.approx((interval.low, interval.high), abs=1e-6)
    values = [0.001, 0.3, 0.02, 0.04, 0.9]
    assert benjamini_hochberg(values) == pytest.approx(list(stats.false_discovery_control(values)))
    rng = np.random.default_rng(3)
    for size in (9, 40):
        before, now = rng.random((size, 3)).round(1), rng.random((size, 3)).round(1)
        difference = now.mean(axis=1) - before.mean(axis=1)
        theirs = stats.permutation_test(
            (difference,), np.mean, permutation_type="samples", alternative="less", n_resamples=20_000, rng=rng
        )
        sides = [{str(n): row for n, row in enumerate(side)} for side in (before, now)]
        assert compare(*sides, resamples=20_000).p_worse == pytest.approx(theirs.pvalue, abs=0.01)
    before, now = rng.random((300, 3)).round(), (rng.random((300, 3)) * 0.95).round()
    found = compare(*[{str(n): row for n, row in enumerate(side)} for side in (before, now)])
    drawn = stats.bootstrap((now.mean(axis=1) - before.mean(axis=1),), np.mean, method="percentile", rng=rng)
    assert (found.low, found.high) == pytest.approx(tuple(drawn.confidence_interval), abs=0.005)
    single = compare({str(n): [1.0] for n in range(9)}, {str(n): [float(n > 5)] for n in range(9)})
    assert single.p_worse == pytest.approx(stats.binomtest(0, 6, alternative="less").pvalue)


def test_agents_that_hardly_ever_fail_raise_no_false_alarm_where_one_side_was_tried_more_often() -> None:
    rng = np.random.default_rng(5)
    worse = 0
    for _ in range(200):
        sides = [{str(n): list(rng.random(trials) < 0.97) for n in range(60)} for trials in (1, 5)]
        worse += compare(*sides, resamples=500).decide() == "worse"
    assert worse / 200 <= 0.06
