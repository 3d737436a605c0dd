"""Means over pairs of runs, against pairs taken one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from study.agreement.pairs import different_seeds, same_seed
from tests.study.agreement.made import STATISTICS


def values(num_seeds: int, num_sentences: int = 50) -> np.ndarray:
    return np.random.default_rng(3).random((num_seeds, num_seeds, num_sentences))


def test_means_are_those_of_the_pairs():
    made = values(4)
    same = np.mean([made[s, s] for s in range(4)])
    other = np.mean([made[s, t] for s in range(4) for t in range(4) if s != t])
    assert same_seed(made, STATISTICS).mean == pytest.approx(same)
    assert different_seeds(made, STATISTICS).mean == pytest.approx(other)


def test_a_seed_with_itself_counts_for_nothing_among_different_seeds():
    made = values(3)
    changed = made.copy()
    changed[range(3), range(3)] = 1e6
    one, two = different_seeds(made, STATISTICS), different_seeds(changed, STATISTICS)
    assert np.allclose(one.resampled, two.resampled)


def test_each_resample_weighs_pairs_by_how_often_their_seeds_were_drawn():
    """Values that name their pair, the same on all sentences: only seeds are left to draw."""
    made = np.zeros((3, 3, 7))
    made[0, 1] = made[1, 0] = 1  # the share of draws' pairs that are of seeds 0 and 1
    resampled = different_seeds(made, STATISTICS).resampled
    # All three seeds once: 1/3. Two seeds alone: 1 if they are 0 and 1, else 0.
    assert set(np.round(resampled, 12)) == {0.0, round(1 / 3, 12), 1.0}
    # 3 of 27 draws are of one seed and left out; 6 of the other 24 hold all three, 6 are 0 and 1.
    assert len(resampled) == pytest.approx(STATISTICS.resamples * 24 / 27, rel=0.1)
    assert np.mean(resampled == 1) == pytest.approx(6 / 24, abs=0.1)


def test_the_order_of_seeds_changes_no_mean():
    made = values(4)
    order = [2, 0, 3, 1]
    assert different_seeds(made[order][:, order], STATISTICS).mean == pytest.approx(
        different_seeds(made, STATISTICS).mean
    )


def test_two_seeds_make_one_pair_and_sentences_alone_are_drawn():
    level = np.full((2, 2, 40), 0.25)
    assert np.ptp(different_seeds(level, STATISTICS).resampled) == pytest.approx(0, abs=1e-12)
    assert np.ptp(different_seeds(values(2), STATISTICS).resampled) > 0


def test_a_difference_is_paired():
    made = values(3)
    difference = different_seeds(made + 0.5, STATISTICS) - different_seeds(made, STATISTICS)
    described = difference.describe(0.95, "difference")
    assert described == pytest.approx({"difference": 0.5, "low": 0.5, "high": 0.5})


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """Sentences are the greater uncertainty here; each pair's values are drawn around them."""
    covered = 0
    for trial in range(60):
        draw = np.random.default_rng(trial)
        hard = draw.random(200) < 0.3
        made = hard * (draw.random((4, 4, 200)) < 0.6)  # of mean .18
        found = different_seeds(made, replace(STATISTICS, confidence=0.9)).describe(0.9)
        covered += found["low"] <= 0.18 <= found["high"]
    assert 50 <= covered <= 60
