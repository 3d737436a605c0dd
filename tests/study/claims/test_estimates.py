"""Estimates: over seeds, and of which a record has the interval alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from study.claims.estimates import estimate, over_seeds, published
from study.claims.verdicts import CannotTell
from study.statistics.crossed import crossed

SENTENCES = 500


@pytest.mark.parametrize("spread", [0.0, 0.01, 0.2])
@pytest.mark.parametrize("num_seeds", [1, 3, 8])
def test_a_published_interval_comes_back_and_is_none_too_narrow_at_higher_confidence(
    spread, num_seeds
):
    draw = np.random.default_rng(0)
    shift = draw.normal(0.0, spread, (num_seeds, 1))
    table = np.sign(np.round(draw.normal(0.1, 0.6, (num_seeds, SENTENCES)) + shift))
    exact = estimate(crossed(table))
    low, high = exact.interval(0.05)
    record = {"x": exact.value, "x_low": low, "x_high": high}
    found = published(record, "x", table.mean(axis=1).tolist(), SENTENCES, 0.05)
    assert found.interval(0.05) == pytest.approx((low, high))
    assert found.half_width(0.001) >= exact.half_width(0.001) * (1 - 1e-9)
    assert found.half_width(0.001) <= 1.1 * exact.half_width(0.001)
    assert found.over == exact.over


def test_an_interval_without_ends_stays_open():
    record = {"x": 1.0, "x_low": None, "x_high": None}
    found = published(record, "x", [0.01], 1, 0.05)
    assert np.isinf(found.half_width(0.025))


def test_over_seeds_is_students_interval():
    found = over_seeds([1.0, 2.0, 4.0], "x")
    low, high = student.interval(0.9, 2, 7 / 3, np.std([1, 2, 4], ddof=1) / 3**0.5)
    assert found.interval(0.1) == pytest.approx((low, high))
    with pytest.raises(CannotTell, match="one seed does not tell how loss varies"):
        over_seeds([1.0], "loss")


def test_seeds_to_tell_are_those_of_the_t_test():
    """One standard deviation, one-sided 0.025, power 0.8: the textbook's 10 pairs."""
    spread = over_seeds([-1.0, 0.0, 1.0], "x")  # of standard deviation 1
    assert spread.seeds(1.0, 0.025, 0.8) == 10
    assert spread.seeds(0.5, 0.025, 0.8) == 34
    assert spread.seeds(0.0, 0.025, 0.8) is None
