"""Page's test over ranks: known directions, and what it needs."""

from __future__ import annotations

import numpy as np
import pytest

from study.analyses.sufficiency.trend import trend


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
