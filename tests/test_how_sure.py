"""Notebook 10: how often an interval misses, what pairing removes, and which finding falls."""

import numpy as np
import pytest

from tl_course.lessons.n10_how_sure import experiments, figures
from tl_course.study import results


def test_an_interval_misses_one_time_in_twenty_and_a_seed_repeats_it():
    differences = np.random.default_rng(0).standard_normal(1000)
    rows = experiments.intervals(differences, draws=10, times=20_000)
    assert 0.04 < rows.misses.mean() < 0.06
    assert rows.equals(experiments.intervals(differences, draws=10, times=20_000))
    assert not experiments.intervals(np.ones(20)).misses.any()


def test_pairing_removes_what_both_share():
    both = experiments.compared(results.load("sweep"))
    assert len(both.first) == len(both.other) == 20
    assert both.differences.std() < both.first.std() and both.paired < both.separate


def test_one_finding_falls_and_it_is_not_the_smallest():
    rows = experiments.findings(results.load("official"), results.load("pretrainings"))
    fallen, names = experiments.falls(rows)
    assert rows.clear.all() and names == list(experiments.FINDINGS)
    assert list(rows.index[~rows.survives]) == [fallen] and rows.ahead.idxmin() != fallen
    assert all(len(each) == 3 for each in rows["each"])


def test_the_best_of_many_tests_is_too_high_and_their_mean_is_not():
    asked = experiments.asked_often(results.load("official"))
    assert asked.too_high > 2 and abs(asked.tests.mean() - asked.truth) < 0.1
    assert f"{asked.truth:.1f}" in asked.first_round()


def test_figures_say_what_they_show():
    sweep = results.load("sweep")
    both = experiments.compared(sweep)
    pairs = figures.plot_pairs(both, "t").alt
    assert f"in {(both.differences > 0).sum()} of 20 draws" in pairs
    assert f"± {both.separate:.2f}" in pairs
    rows = experiments.intervals(both.differences)
    missed = (rows.index[rows.misses] + 1).astype(str)
    alt = figures.plot_intervals(rows, both.differences.mean(), "t").alt
    assert f"that miss: {', '.join(missed)}." in alt
    none = rows.assign(misses=False)
    assert "that miss: none" in figures.plot_intervals(none, 0.6, "t").alt
    assert "10 digits" in figures.plot_draws(experiments.lucky_draws(sweep), "t").alt
    findings = experiments.findings(results.load("official"), results.load("pretrainings"))
    here = figures.plot_findings(findings, "t").alt
    over = figures.plot_findings(findings, "t", networks=True).alt
    assert "over three networks" in over and "over three networks" not in here
    first = findings.iloc[0]
    assert f"{first.over:+.1f} ± {first.half:.1f}" in over
    assert f"{first.ahead:+.1f} ± {first.interval:.1f}" in here


@pytest.mark.parametrize("draws", [2, 5])
def test_fewer_draws_make_wider_intervals(draws):
    differences = experiments.compared(results.load("sweep")).differences
    few, many = (experiments.intervals(differences, n, 2000).half.mean() for n in (draws, 20))
    assert few > many
