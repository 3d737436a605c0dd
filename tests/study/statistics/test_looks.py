"""What each look at a growing study may cost."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from study.statistics.crossed import crossed
from study.statistics.looks import Look, levels, looks_at

FIVE = (0.2, 0.4, 0.6, 0.8, 1.0)


@pytest.mark.parametrize("shares", [FIVE, (1 / 3, 1.0), (0.5, 0.6, 0.95, 1.0)])
@pytest.mark.parametrize("alpha", [0.1, 0.025])
def test_all_looks_together_cross_as_often_as_is_allowed(shares, alpha):
    steps = np.sqrt(np.diff(shares, prepend=0.0))
    motion = np.random.default_rng(0).normal(size=(400_000, len(shares))) * steps
    scores = motion.cumsum(axis=1) / np.sqrt(shares)
    limits = norm.isf(levels(shares, alpha))
    crossed_by = (scores > limits).cumsum(axis=1) > 0
    spent = alpha * np.array(shares) ** 3
    error = np.sqrt(spent / len(scores))
    assert np.all(np.abs(crossed_by.mean(axis=0) - spent) < 5 * error)


def test_one_look_at_the_end_has_all_and_one_before_it_less():
    assert Look().level(0.03) == Look((1.0,)).level(0.03) == 0.03
    assert Look((0.5,)).level(0.04) == pytest.approx(0.04 / 8, rel=1e-3)


def test_a_look_is_that_of_its_plan():
    assert looks_at((1, 2, 4), 2) == Look((0.25, 0.5))
    assert looks_at((3,), 3).level(0.05) == 0.05


@pytest.mark.parametrize("alpha", [0.3, 0.05, 0.05 / 6, 1e-6])
def test_the_interpolated_level_is_the_level(alpha):
    assert Look(FIVE).level(alpha) == pytest.approx(levels(FIVE, alpha)[-1], rel=1e-3)


def test_a_look_widens_intervals_and_raises_p_values_to_what_all_looks_cost():
    d = np.random.default_rng(1).normal(0.1, 1, size=(9, 200))
    once, third = crossed(d, counts=False), crossed(d, counts=False, look=Look((0.2, 0.4, 0.6)))
    level = third.look.level(0.05)
    assert level < 0.05
    assert third.half_width(0.05)[0] == once.half_width(level)[0]
    distance = float(once.half_width(level)[0])
    assert third.p_value(distance) == pytest.approx(0.05, rel=1e-6)
    assert once.p_value(distance) == pytest.approx(level, rel=1e-6)


def test_looking_five_times_says_equivalent_wrongly_no_oftener_than_once_is_allowed():
    """The truth at the margin, seeds and sentences each a part of the variance; alpha .05."""
    alpha, studies, sentences = 0.05, 600, 40
    rng = np.random.default_rng(2)
    plan, wrong, naive = (1, 2, 3, 4, 5), 0, 0
    for _ in range(studies):
        seeds = rng.normal(0, 0.6, (15, 1))
        d = 1 + seeds + rng.normal(0, 1.5, (1, sentences)) + rng.normal(0, 2, (15, sentences))
        paid, free = False, False
        for count in plan:
            seen = crossed(d[: 3 * count], counts=False, look=looks_at(plan, count))
            paid |= bool(seen.mean[0] + seen.half_width(alpha)[0] <= 1)
            once = crossed(d[: 3 * count], counts=False)
            free |= bool(once.mean[0] + once.half_width(alpha)[0] <= 1)
        wrong += paid
        naive += free
    slack = 3 * np.sqrt(alpha * (1 - alpha) * studies)
    assert wrong <= alpha * studies + slack
    assert naive > wrong
