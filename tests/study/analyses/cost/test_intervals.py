"""Medians, ranges, and the interval of a median ratio."""

from __future__ import annotations

import numpy as np

from study.analyses.cost.intervals import Interval, Spread, median_ratio


def test_a_spread_is_the_median_and_the_ends():
    assert Spread.of([3.0, 1.0, 2.0, 10.0]) == Spread(2.5, 1.0, 10.0)
    assert Spread.of([4.0]).to_json() == {"median": 4.0, "low": 4.0, "high": 4.0}


def test_ratios_are_taken_pair_by_pair():
    base = np.array([1.0, 100.0, 1.0, 50.0, 2.0, 1.0, 9.0, 1.0])
    found = median_ratio(1.25 * base, base, 0.95)
    assert found == Interval(1.25, 1.25, 1.25)


def test_the_interval_lies_between_the_ratios_that_the_binomial_says():
    """Of ten, the second and the ninth: P(2 <= B(10, 1/2) <= 8) = 97.9 %, the third's is 89 %."""
    ratios = np.arange(1.0, 11.0)
    found = median_ratio(ratios, np.ones(10), 0.95)
    assert (found.low, found.high) == (2, 9)
    assert found.ratio == 5.5


def test_too_few_pairs_reach_from_end_to_end():
    assert median_ratio(np.array([1.0, 3.0]), np.ones(2), 0.95) == Interval(2, 1, 3)
    assert median_ratio(np.array([2.0]), np.ones(1), 0.95) == Interval(2, 2, 2)


def test_it_covers_the_median_as_often_as_it_says():
    draw = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        noise = draw.lognormal(sigma=0.5, size=40) * draw.choice([1, 20], 40)  # of the machine
        own = draw.lognormal(sigma=0.1, size=40)
        found = median_ratio(1.1 * noise * own, noise, 0.9)
        covered += found.low <= 1.1 <= found.high
    assert 0.85 < covered / 200 <= 0.97


def test_intervals_overlap_or_do_not():
    assert Interval(1, 0.9, 1.1).overlaps(Interval(1.2, 1.1, 1.3))
    assert not Interval(1, 0.9, 1.1).overlaps(Interval(1.2, 1.15, 1.3))
