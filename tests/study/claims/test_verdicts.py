"""How statements are judged: by hand, and on simulated data whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from study.claims.verdicts import (
    FAILS,
    HOLDS,
    UNTOLD,
    CannotTell,
    Estimate,
    every,
    exactly,
    from_interval,
    over_seeds,
    some,
)

ALPHA = 0.1
STUDIES = 2000


def known(value: float, error: float = 1.0) -> Estimate:
    """A normal estimate of known standard error."""
    return Estimate(value, lambda tail: error * float(norm.isf(tail)))


def shares(judge: Callable[..., str], truths: Sequence[float]) -> dict[str, float]:
    """How often each verdict comes out where the numbers are these, in standard errors."""
    draw = np.random.default_rng(0)
    estimates = draw.normal(truths, 1.0, (STUDIES, len(truths)))
    verdicts = [judge([known(value) for value in row], ALPHA) for row in estimates]
    return {verdict: verdicts.count(verdict) / STUDIES for verdict in (HOLDS, FAILS, UNTOLD)}


@pytest.mark.parametrize(
    ("values", "of_every", "of_some"),
    [
        ([9.0], HOLDS, HOLDS),
        ([-9.0], FAILS, FAILS),
        ([0.5], UNTOLD, UNTOLD),
        ([9.0, 9.0], HOLDS, HOLDS),
        ([9.0, -9.0], FAILS, HOLDS),
        ([9.0, 0.5], UNTOLD, HOLDS),
        ([-9.0, 0.5], FAILS, UNTOLD),
        ([-9.0, -9.0], FAILS, FAILS),
    ],
)
def test_every_and_some_of_clear_and_unclear_numbers(values, of_every, of_some):
    estimates = [known(value) for value in values]
    assert every(estimates, ALPHA) == of_every
    assert some(estimates, ALPHA) == of_some


def test_one_of_many_refutes_only_beyond_bonferronis_limit():
    limit = float(norm.isf(ALPHA / 2 / 10))
    others = [known(9.0)] * 9
    assert every([*others, known(-limit - 0.01)], ALPHA) == FAILS
    assert every([*others, known(-limit + 0.01)], ALPHA) == UNTOLD
    assert every([known(-limit + 0.01)], ALPHA) == FAILS


@pytest.mark.parametrize("judge", [every, some])
@pytest.mark.parametrize("truths", [[0.0], [0.0] * 6, [9.0, 9.0, 0.0], [-9.0, -9.0, 0.0]])
def test_where_the_truth_is_on_the_edge_either_error_keeps_its_rate(judge, truths):
    """At 0 a statement is neither: each answer that is not so may come in alpha / 2 of studies."""
    found = shares(judge, truths)
    rate = ALPHA / 2 + 3 * (ALPHA / 2 / STUDIES) ** 0.5
    is_decided = {every: min(truths) < 0, some: max(truths) > 0}[judge]
    if is_decided:
        assert found[{every: HOLDS, some: FAILS}[judge]] == 0
    else:
        assert found[HOLDS] <= rate
        assert found[FAILS] <= rate


def test_limits_and_margins_shift_an_estimate_and_keep_its_width():
    estimate = known(3.0, 0.5)
    assert estimate.above(1.0).value == 2.0
    assert estimate.below(1.0).value == -2.0
    assert [one.value for one in estimate.within(4.0)] == [7.0, 1.0]
    low, high = estimate.interval(0.05)
    assert (low, high) == pytest.approx((3 - 0.5 * 1.959964, 3 + 0.5 * 1.959964))
    assert estimate.below(1.0).half_width(0.1) == estimate.half_width(0.1)


def test_an_infinite_limit_is_written_as_none():
    numbers = Estimate(1.0, lambda tail: float("inf"), "sentences").numbers("gain", 0.05)
    expected = {"gain": 1.0, "gain_low": None, "gain_high": None, "interval_over": "sentences"}
    assert numbers == expected


def test_over_seeds_is_students_interval():
    found = over_seeds([1.0, 2.0, 4.0], "x")
    low, high = student.interval(0.9, 2, 7 / 3, np.std([1, 2, 4], ddof=1) / 3**0.5)
    assert found.interval(0.1) == pytest.approx((low, high))
    with pytest.raises(CannotTell, match="one seed does not tell how loss varies"):
        over_seeds([1.0], "loss")


def test_an_interval_of_a_record_is_itself_at_its_own_level_and_wider_at_a_smaller_one():
    found = from_interval(1.0, 0.5, 1.2, ALPHA)
    assert found.interval(ALPHA) == pytest.approx((0.5, 1.5))  # the wider side on both
    assert found.interval(ALPHA / 10)[0] < 0.5


def test_what_is_counted_is_true_or_false():
    assert (exactly(True), exactly(False)) == (HOLDS, FAILS)
