"""Comparisons of paired runs, against tables, SciPy and simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from vtff_lib.evaluation import comparisons

# Two-sided 5 % points, as every printed table has them.
TABLE = {1: 12.706, 2: 4.303, 4: 2.776, 7: 2.365, 25: 2.060, 120: 1.980}


@pytest.mark.parametrize(("degrees", "t"), TABLE.items())
def test_t_of_student_is_that_of_the_tables_and_p_is_its_inverse(degrees, t):
    assert comparisons.student_t(degrees) == pytest.approx(t, abs=5e-4)
    for share in (0.0, 0.6, 0.999):
        found = comparisons.student_p(-comparisons.student_t(degrees, share), degrees)
        assert found == pytest.approx(1 - share)


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_a_comparison_is_scipys_paired_t_test(count):
    first, second = np.random.default_rng(count).normal(0.7, 0.03, (2, count))
    told = comparisons.compare(first.tolist(), second.tolist())
    expected = stats.ttest_rel(first, second)
    interval = expected.confidence_interval()
    assert told.difference.value == pytest.approx((first - second).mean())
    assert told.difference[1:] == pytest.approx((interval.low, interval.high))
    assert told.p == pytest.approx(expected.pvalue)
    assert (told.deviation, told.pairs) == (pytest.approx((first - second).std(ddof=1)), count)


def test_what_pairs_share_falls_out():
    first, second = [0.60, 0.71, 0.84], [0.58, 0.70, 0.83]
    shared = [0.05, -0.02, 0.1]
    moved = [[x + s for x, s in zip(each, shared, strict=True)] for each in (first, second)]
    before, after = comparisons.compare(first, second), comparisons.compare(*moved)
    assert after.difference == pytest.approx(before.difference)


def test_equal_runs_differ_by_nothing_and_equal_gaps_are_certain():
    assert comparisons.compare([0.5, 0.6], [0.5, 0.6]).p == 1
    assert comparisons.compare([0.5, 1.0], [0.25, 0.75]) == ((0.25, 0.25, 0.25), 0, 0, 2)


def test_an_interval_holds_the_truth_in_nineteen_of_twenty_experiments():
    random = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        pairs = random.normal(0.03, 0.02, 5).tolist()
        estimate = comparisons.compare(pairs, [0.0] * 5).difference
        held += estimate.low <= 0.03 <= estimate.high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("count", [3, 5, 8])
def test_sign_flips_are_scipys_permutation_test(count):
    pairs = np.random.default_rng(count).normal(0.5, 1, count)
    expected = stats.permutation_test(
        (pairs,), np.mean, permutation_type="samples", alternative="two-sided", n_resamples=np.inf
    )
    assert comparisons.sign_flips(pairs.tolist()) == pytest.approx(expected.pvalue)


def test_five_pairs_can_never_be_rarer_than_one_in_sixteen():
    assert comparisons.sign_flips([0.1, 0.1, 0.1, 0.1, 0.1]) == 2 / 32
    assert comparisons.sign_flips([0.1, -0.1]) == 1


def test_holm_by_hand():
    found = comparisons.holm({"a": 0.04, "b": 0.01, "c": 0.03, "d": 0.9})
    assert found == pytest.approx({"a": 0.09, "b": 0.04, "c": 0.09, "d": 0.9})
    assert list(found) == ["a", "b", "c", "d"]
    assert comparisons.holm({"a": 0.6, "b": 0.7}) == {"a": 1, "b": 1}
    assert comparisons.holm({}) == {}


def test_holm_keeps_the_chance_of_any_false_alarm():
    alarms = sum(
        min(comparisons.holm(dict(enumerate(p))).values()) < 0.05
        for p in np.random.default_rng(0).random((4000, 5))
    )
    assert alarms / 4000 == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("pairs", [5, 8, 20])
def test_a_detectable_difference_is_found_about_as_often_as_promised(pairs):
    truth = comparisons.detectable(0.02, pairs)
    draws = np.random.default_rng(0).normal(truth, 0.02, (4000, pairs))
    t = draws.mean(axis=1) / draws.std(axis=1, ddof=1) * np.sqrt(pairs)
    found = (np.abs(t) > comparisons.student_t(pairs - 1)).mean()
    assert found == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: comparisons.sign_flips([math.nan] * 8), "differences.0.=nan will not do"),
        (lambda: comparisons.holm({"a": 0.1, "b": math.nan}), "p_values.'b'.=nan will not do"),
        (lambda: comparisons.compare([0.1, math.inf], [0.1, 0.2]), "first.1.=inf will not do"),
        (lambda: comparisons.student_p(math.nan, 3), "t=nan will not do"),
        (lambda: comparisons.student_p(1, 0), "degrees=0 will not do"),
        (lambda: comparisons.student_t(4, 1.0), "share=1.0 will not do"),
        (lambda: comparisons.student_t(0), "degrees=0 will not do"),
        (lambda: comparisons.compare([0.1, 0.2], [0.1]), "2 scores came with 1"),
        (lambda: comparisons.compare([0.1], [0.1]), "1 scores came with 1"),
        (lambda: comparisons.sign_flips([]), "0 differences"),
        (lambda: comparisons.sign_flips([0.1] * 21), "21 differences"),
        (lambda: comparisons.detectable(0.1, 1), "pairs=1"),
        (lambda: comparisons.detectable(0.1, 5, power=0.2), "power=0.2"),
    ],
)
def test_what_cannot_be_compared_is_said(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def simulated(random: np.random.Generator, draws: int, people: int) -> np.ndarray:
    """Scores around 0: what a draw does to all, what a person does in all, and the rest."""
    of_draws, of_people = random.normal(0, 0.3, (draws, 1)), random.normal(0, 0.5, people)
    return of_draws + of_people + random.normal(0, 0.5, (draws, people))


@pytest.mark.parametrize("draws", [3, 12])
def test_an_interval_over_draws_and_people_covers_what_it_should(draws):
    """One over people alone, the wrong version, misses the truth far too often."""
    random = np.random.default_rng(0)
    tables = [simulated(random, draws, 30) for _ in range(600)]

    def covered(interval) -> float:
        return np.mean([interval(each).low <= 0 <= interval(each).high for each in tables])

    assert 0.915 <= covered(lambda each: comparisons.crossed(each).mean) <= 0.985
    assert covered(lambda each: comparisons.crossed(each.mean(axis=0, keepdims=True)).mean) < 0.89


def test_one_draw_is_a_paired_t_over_people():
    scores = [0.2, -0.1, 0.4, 0.3, 0.0]
    alone, pairs = comparisons.crossed(np.array([scores])), comparisons.compare(scores, [0.0] * 5)
    assert alone.mean == pytest.approx(pairs.difference)
    assert alone.p == pytest.approx(pairs.p)


def test_a_person_counts_once_and_one_without_a_score_does_not():
    scores = np.array([[1.0, np.nan, 3.0, np.nan], [1.0, np.nan, np.nan, 5.0]])
    assert comparisons.crossed(scores).mean.value == 3
    assert comparisons.crossed(np.zeros((2, 4))) == ((0, 0, 0), 0, 1)
    assert comparisons.crossed(np.ones((2, 4))).p == 0


@pytest.mark.parametrize(
    "scores",
    [[[1.0, 2.0]], np.ones(3), np.ones((2, 1)), np.full((2, 3), np.nan), np.array([["a"]])],
)
def test_what_is_no_table_of_scores_is_refused(scores):
    with pytest.raises(ValueError, match="give"):
        comparisons.crossed(scores)
