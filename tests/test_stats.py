"""How sure a number is: estimates with intervals, paired differences, shares."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import sem, t

from tl_course.base import stats


def test_an_interval_of_draws_and_examples_holds_the_truth_as_often_as_it_says():
    """Draws and examples both differ by chance: 95% intervals miss the truth in 5% or fewer."""
    generator, missed = np.random.default_rng(0), 0
    for _ in range(400):
        luck, ease = generator.normal(0, 0.05, (10, 1)), generator.normal(0, 0.3, (1, 300))
        right = generator.random((10, 300)) < np.clip(0.6 + luck + ease, 0, 1)
        mean, half = stats.estimate(right, draw=0, example=1)
        missed += abs(mean - 0.5885) > half  # the mean of the clipped chances
    assert 0.01 < missed / 400 < 0.09


def test_few_clusters_hold_the_truth_as_often_as_many():
    """Four voices, six draws: the interval is true, and two standard errors would be too few."""
    generator, missed, by_two = np.random.default_rng(0), 0, 0
    voice = np.repeat(range(4), 25)
    for _ in range(1000):
        luck, sound = generator.normal(0, 0.3, (6, 1)), generator.normal(0, 1, 4)[voice]
        values = luck + sound + generator.normal(0, 0.5, (6, 100))
        mean, half = stats.estimate(values, draw=0, voice=voice)
        missed += abs(mean) > half
        of_voices = values.mean(0).reshape(4, 25).mean(1)
        by_two += abs(mean) > 2 * math.hypot(sem(values.mean(1)), sem(of_voices))
    assert 0.03 < missed / 1000 < 0.07 < 0.1 < by_two / 1000


def test_one_clustering_is_students_interval():
    values = np.random.default_rng(0).normal(3, 2, 7)
    mean, half = stats.estimate(values, draw=0)
    low, high = t.interval(0.95, 6, loc=values.mean(), scale=sem(values))
    assert (mean - half, mean + half) == pytest.approx((low, high))
    assert stats.estimate(values) == stats.estimate(torch.from_numpy(values)) == (mean, half)
    folds = np.array([0, 0, 0, 1, 1, 2, 2])
    of_folds = [values[folds == fold].mean() for fold in range(3)]
    by_fold = stats.estimate(values, fold=folds)
    assert by_fold.mean == mean, "the mean of all, whatever the sizes"
    assert by_fold.half == pytest.approx(t.ppf(0.975, 2) * sem(of_folds))


def test_freedom_lies_between_that_of_the_smaller_clustering_and_of_both():
    values = np.random.default_rng(1).normal(size=(5, 30))
    by_draw, by_example = sem(values.mean(1)), sem(values.mean(0))
    factor = stats.estimate(values).half / math.hypot(by_draw, by_example)
    assert t.ppf(0.975, 4 + 29) < factor < t.ppf(0.975, 4)
    same = values - values.mean(1, keepdims=True)  # no draw is luckier than another
    assert stats.estimate(same).half == pytest.approx(t.ppf(0.975, 29) * sem(same.mean(0)))


def test_clusters_by_label_are_clusters_by_axis():
    values = np.random.default_rng(2).normal(size=(4, 12))
    wanted = stats.estimate(values)
    assert stats.estimate(values, draw=0, example=1) == wanted
    words = np.array(list("lkjihgfedcba"))
    assert stats.estimate(values, draw=0, name=words) == pytest.approx(wanted)
    draws, names = np.repeat(range(4), 12), np.tile(words, 4)
    assert stats.estimate(values.ravel(), draw=draws, name=names) == pytest.approx(wanted)
    block = np.arange(12) // 3
    together = stats.estimate(values.reshape(4, 4, 3).mean(2), draw=0, block=1)
    assert stats.estimate(values, draw=0, block=block) == pytest.approx(together)
    with pytest.raises(ValueError, match="broadcast"):
        stats.estimate(values, draw=0, name=words[:5])


def test_a_single_cluster_says_nothing_of_others():
    mean, half = stats.estimate(np.ones((1, 5)))
    assert mean == 1 and math.isnan(half)
    assert math.isnan(stats.estimate(np.arange(5), voice=["anna"] * 5).half)
    assert math.isnan(stats.estimate([0.5]).half)
    assert stats.estimate(np.ones((3, 5))) == (1, 0)


def test_a_difference_is_paired():
    generator = np.random.default_rng(3)
    ease = generator.normal(size=(5, 40))
    first, other = ease + 0.5, ease + generator.normal(0, 0.1, (5, 40))
    difference = stats.paired(first, other, draw=0, example=1)
    assert difference == stats.estimate(first - other, draw=0, example=1)
    assert difference.mean == pytest.approx(0.5, abs=0.05) and difference.half < 0.1
    assert stats.paired(torch.ones(9).bool(), torch.zeros(9).bool(), digit=0) == (1, 0)


def test_a_share_has_wilsons_interval():
    assert stats.wilson_interval(0, 0) == (0.0, 1.0)
    for right, tested in ((95, 100), (1, 7), (160, 160 * 2)):
        share = right / tested
        for end in stats.wilson_interval(right, tested):  # both are 1.96 standard errors away
            error = (end * (1 - end) / tested) ** 0.5
            assert abs(share - end) / error == pytest.approx(1.959964, abs=1e-5)
    # Newcombe 1998
    assert stats.wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert stats.wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert stats.wilson_interval(10, 10) == pytest.approx((0.7225, 1), abs=1e-3)
    assert stats.wilson_interval(10, 10)[1] == 1
    assert stats.wilson_interval(0, 10)[0] == 0
    assert all(type(end) is float for end in stats.wilson_interval(3, 10)), (
        "a card writes them as JSON"
    )
