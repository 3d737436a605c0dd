"""Page's test over ranks: known directions, and what it needs."""

from __future__ import annotations

import numpy as np
import pytest

from study.analyses.sufficiency.trend import FALL, RISE, shown, trend
from tests.study.analyses.sufficiency.simulated import at_most, study


def correct(accuracies: list[list[float]], sentences: int = 1000) -> np.ndarray:
    """Answers (ranks, seeds, sentences) of these accuracies (seeds, ranks)."""
    numbers = np.round(np.array(accuracies).T * sentences)
    return np.arange(sentences) < numbers[..., None]


def test_every_seed_rising_is_a_rise_and_no_fall():
    found = trend(correct([[0.7, 0.71, 0.72, 0.73]] * 3))
    assert found["statistic"] == 3 * (1 + 4 + 9 + 16)
    assert found["p_value"] == pytest.approx(1 / 24**3)  # the one order of so many
    assert found["p_value_of_a_fall"] == pytest.approx(1)
    assert found["reason"] is None


def test_every_seed_falling_is_a_fall():
    found = trend(correct([[0.73, 0.72, 0.71, 0.7]] * 3))
    assert found["p_value"] == pytest.approx(1)
    assert found["p_value_of_a_fall"] == pytest.approx(1 / 24**3)


def test_seeds_are_blocks_whose_own_level_does_not_count():
    levels = correct([[0.5, 0.51, 0.52, 0.53], [0.9, 0.91, 0.92, 0.93]])
    assert trend(levels)["p_value"] == pytest.approx(1 / 24**2)


@pytest.mark.parametrize(
    ("seeds", "ranks", "words"),
    [
        (1, 4, "Page's test needs at least 2 seeds, here 1 seed"),
        (3, 2, "Page's test needs at least 3 ranks, here 2 ranks"),
        (1, 1, "Page's test needs at least 3 ranks, here 1 rank and at least 2 seeds, here 1 seed"),
    ],
)
def test_where_it_cannot_be_done_it_says_why(seeds, ranks, words):
    found = trend(np.ones((ranks, seeds, 20), bool))
    assert found["reason"] == words
    assert found["statistic"] is None
    assert found["p_value"] is None


@pytest.mark.parametrize(
    ("rise", "fall", "what"),
    [(0.025, 0.98, RISE), (0.98, 0.025, FALL), (0.026, 0.98, None), (0.98, 0.026, None)],
)
def test_each_direction_has_half_of_the_error_rate(rise, fall, what):
    assert shown({"p_value": rise, "p_value_of_a_fall": fall}, 0.05) == what


def shown_in(studies: int, of_taste: float) -> float:
    """In which share of studies six equal ranks have a trend; runs of a rank differ in nothing."""
    rng, count = np.random.default_rng(11), 0
    for _ in range(studies):
        correct = study(rng, [0.8] * 6, 3, 300, of_run=0.0, of_taste=of_taste)
        count += shown(trend(correct), 0.05) is not None
    return count / studies


def test_equal_ranks_have_a_trend_as_rarely_as_is_said_but_for_their_taste_in_sentences():
    """What the page says of it: 5 %, and up to 9.5 % where ranks suit other sentences."""
    assert shown_in(600, of_taste=0.0) <= at_most(0.05, 600)
    assert 0.05 < shown_in(600, of_taste=0.5) <= at_most(0.095, 600)
