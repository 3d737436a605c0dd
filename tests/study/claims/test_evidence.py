"""An estimate of which a record has its interval alone, held against the data's own."""

from __future__ import annotations

import numpy as np
import pytest

from study.claims.evidence import estimate, published
from study.crossed import crossed
from tests.study.claims.made import study

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
    given = study(capacity={"sentences": SENTENCES})
    low, high = exact.interval(given.alpha)
    record = {"x": exact.value, "x_low": low, "x_high": high}
    found = published(record, "x", table.mean(axis=1).tolist(), given)
    assert found.interval(given.alpha) == pytest.approx((low, high))
    assert found.half_width(0.001) >= exact.half_width(0.001) * (1 - 1e-9)
    assert found.half_width(0.001) <= 1.1 * exact.half_width(0.001)
    assert found.over == exact.over


def test_an_interval_without_ends_stays_open():
    record = {"x": 1.0, "x_low": None, "x_high": None}
    found = published(record, "x", [0.01], study(capacity={"sentences": 1}))
    assert np.isinf(found.half_width(0.025))
