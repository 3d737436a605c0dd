"""Whether a merged model is as fast as the base: a wide interval must not pass for equality."""

from __future__ import annotations

import numpy as np
import pytest

from study.analyses.cost.equal import EQUAL, FASTER, SLOWER, UNTOLD, paired_ratio, verdict, words
from study.analyses.cost.intervals import Interval


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0.991, 1.010, EQUAL),
        (0.95, 1.05, EQUAL),
        (0.94, 1.01, UNTOLD),
        (0.99, 1.06, UNTOLD),
        (0.931, 1.582, UNTOLD),  # a noisy machine: once called "equal within noise"
        (1.02, 1.049, EQUAL),  # slower, but by less than matters
        (1.04, 1.2, UNTOLD),
        (1.051, 1.2, SLOWER),
        (0.8, 0.949, FASTER),
        (0.8, 0.96, UNTOLD),
    ],
)
def test_the_whole_interval_must_lie_within_the_tolerance(low: float, high: float, found: str):
    assert verdict(Interval((low + high) / 2, low, high), 100) == found


@pytest.mark.parametrize(("calls", "found"), [(1, UNTOLD), (5, UNTOLD), (6, EQUAL)])
def test_of_too_few_calls_nothing_is_told(calls: int, found: str):
    assert verdict(Interval(1, 0.99, 1.01), calls) == found


def test_slow_moments_that_hit_both_do_not_matter_and_pairs_are_kept():
    draw = np.random.default_rng(0)
    base = draw.lognormal(sigma=1.0, size=60)
    merged = base * draw.normal(1.0, 0.02, 60)
    assert verdict(paired_ratio(merged, base), 60) == EQUAL
    assert verdict(paired_ratio(draw.permutation(merged), base), 60) == UNTOLD
    assert verdict(paired_ratio(1.1 * merged, base), 60) == SLOWER


def test_words_give_the_numbers():
    told = words(EQUAL, Interval(1.0017, 0.9911, 1.0097))
    assert told == (
        "as fast as the base within 5 % (1.002 of its time, 95 % interval 0.991 to 1.010)"
    )
    assert words(UNTOLD, Interval(1, 0.9, 1.2)).startswith("not told from the base, nor shown")
