"""Intervals: they cover the truth, and pairing, seeds and sentences do to them what they must."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import bootstrap, norm

from study import statistics
from study.statistics import (
    binomial_standard_error,
    bootstrap_means,
    difference_interval,
    mean_interval,
    percentile_interval,
)

Floats = NDArray[np.float64]


def draw(
    rng: np.random.Generator,
    arms: int,
    seeds: int,
    sentences: int,
    of_seed: float = 0.1,
    of_run: float = 0.05,
    of_sentence: float = 2.0,
) -> Floats:
    """Return scores (arms, seeds, sentences) of known mean 0: seeds, arms' runs, sentences, rest.

    Seeds and sentences do the same to every arm; runs (arm and seed) and the rest are its own.
    """
    return (
        rng.normal(0, of_seed, (1, seeds, 1))
        + rng.normal(0, of_run, (arms, seeds, 1))
        + rng.normal(0, of_sentence, (1, 1, sentences))
        + rng.normal(0, 1, (arms, seeds, sentences))
    )


def answers(seeds: int = 3, sentences: int = 400, accuracy: float = 0.8, seed: int = 0):
    """Return right and wrong answers (seeds, sentences), hard sentences hard for every seed."""
    rng = np.random.default_rng(seed)
    ease = rng.normal(size=sentences) + 0.6 * rng.normal(size=(seeds, sentences))
    return ease / np.sqrt(1.36) > -norm.ppf(accuracy)


def width(interval: statistics.Interval) -> float:
    return interval.high - interval.low


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_a_mean_interval_covers_the_truth_as_often_as_it_says(seeds):
    rng = np.random.default_rng(seeds)
    of_seed, of_run = (0.0, 0.0) if seeds == 1 else (0.1, 0.05)
    hits = []
    for trial in range(1500):
        scores = draw(rng, 1, seeds, 200, of_seed, of_run)[0]
        interval = mean_interval(scores, 0.9, resamples=150, seed=trial)
        hits.append(interval.low <= 0 <= interval.high)
    assert 0.87 <= np.mean(hits) <= 0.93


@pytest.mark.parametrize(("of_run", "least", "most"), [(0.1, 0.87, 0.93), (0.0, 0.93, 1.0)])
def test_a_difference_interval_covers_the_truth_at_least_as_often_as_it_says(of_run, least, most):
    """Where nothing but single answers differs, more often: it is conservative, as documented."""
    rng = np.random.default_rng(0)
    hits = []
    for trial in range(1500):
        first, second = draw(rng, 2, 3, 200, of_run=of_run)
        interval = difference_interval(first, second + 0.3, 0.9, resamples=150, seed=trial)
        hits.append(interval.low <= -0.3 <= interval.high)
    assert least <= np.mean(hits) <= most


def test_with_one_seed_it_is_the_bootstrap_over_sentences():
    scores = answers(seeds=1)
    ours = mean_interval(scores, 0.95, resamples=4000, seed=0)
    theirs = bootstrap(
        (scores[0],), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours.low == pytest.approx(theirs.low, abs=0.05 * width(ours))
    assert ours.high == pytest.approx(theirs.high, abs=0.05 * width(ours))


def test_seeds_that_agree_in_everything_add_nothing():
    one = answers(seeds=1)
    alike = mean_interval(np.repeat(one, 4, axis=0), 0.95, resamples=2000, seed=0)
    assert width(alike) == pytest.approx(width(mean_interval(one, 0.95, 2000, 0)), rel=0.1)


def test_seeds_that_differ_widen_the_interval():
    scores = np.full((4, 500), 0.5) + np.array([[-0.1], [-0.05], [0.05], [0.1]])
    assert width(mean_interval(scores, 0.95, 1000, 0)) > 0.08


def test_permuting_sentences_leaves_the_interval():
    scores = answers()
    shuffled = scores[:, np.random.default_rng(5).permutation(scores.shape[1])]
    first, second = (mean_interval(each, 0.95, 6000, 0) for each in (scores, shuffled))
    assert second.low == pytest.approx(first.low, abs=0.06 * width(first))
    assert second.high == pytest.approx(first.high, abs=0.06 * width(first))


def test_four_times_the_sentences_halve_the_width():
    few, many = (answers(seeds=1, sentences=n) for n in (500, 2000))
    ratio = width(mean_interval(many, 0.95, 3000, 0)) / width(mean_interval(few, 0.95, 3000, 0))
    assert ratio == pytest.approx(0.5, abs=0.06)


def test_more_confidence_is_a_wider_interval_around_a_narrower_one():
    samples = bootstrap_means(answers()[None], 2000, 0)[0]
    inner, outer = percentile_interval(samples, 0.8), percentile_interval(samples, 0.99)
    assert outer.low < inner.low < inner.high < outer.high


def test_pairing_narrows_a_difference_of_arms_that_share_sentences():
    first, second = answers(accuracy=0.8, seed=0), answers(accuracy=0.75, seed=0)
    paired = difference_interval(first, second, 0.95, 2000, 0)
    apart = np.hypot(*(width(mean_interval(arm, 0.95, 2000, 0)) for arm in (first, second)))
    assert width(paired) < 0.6 * apart


def test_an_arm_does_not_differ_from_itself():
    scores = answers()
    assert width(difference_interval(scores, scores, 0.95, 200, 0)) == 0


def test_a_difference_turns_its_sign_with_the_order():
    first, second = answers(accuracy=0.8), answers(accuracy=0.7, seed=3)
    there = difference_interval(first, second, 0.95, 500, 0)
    back = difference_interval(second, first, 0.95, 500, 0)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_an_arm_beside_others_is_resampled_as_it_is_alone():
    arms = np.array([answers(seed=seed) for seed in range(3)])
    together = bootstrap_means(arms, 300, seed=4)
    for row, arm in enumerate(arms):
        assert np.array_equal(bootstrap_means(arm[None], 300, seed=4)[0], together[row])


def test_how_many_draws_are_held_at_once_changes_no_bit(monkeypatch):
    arms = answers(sentences=301)[None]
    whole = bootstrap_means(arms, 257, seed=1)
    monkeypatch.setattr(statistics, "_DRAWS_AT_ONCE", 1000)
    assert np.array_equal(bootstrap_means(arms, 257, seed=1), whole)


def test_the_seed_decides_the_draws():
    arms = answers()[None]
    assert np.array_equal(bootstrap_means(arms, 50, 7), bootstrap_means(arms, 50, 7))
    assert not np.array_equal(bootstrap_means(arms, 50, 7), bootstrap_means(arms, 50, 8))


@given(
    seeds=st.integers(1, 4), sentences=st.integers(1, 40), accuracy=st.sampled_from([0.02, 0.5, 1])
)
def test_accuracies_stay_fractions_and_resampling_centres_on_the_mean(seeds, sentences, accuracy):
    scores = np.random.default_rng(0).random((seeds, sentences)) < accuracy
    means = bootstrap_means(scores[None], 400, 0)[0]
    assert means.min() >= 0
    assert means.max() <= 1
    assert means.mean() == pytest.approx(scores.mean(), abs=0.15)


@pytest.mark.parametrize("shape", [(3, 4), (0, 3, 4), (1, 0, 4), (1, 3, 0)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="arms, seeds, sentences"):
        bootstrap_means(np.zeros(shape), 10, 0)


def test_arms_of_other_shapes_are_no_pair():
    with pytest.raises(ValueError, match="the same"):
        difference_interval(np.zeros((2, 5)), np.zeros((2, 6)), 0.95, 10, 0)


def test_binomial_standard_error_of_sst2s_dev_set():
    assert 100 * binomial_standard_error(0.95, 872) == pytest.approx(0.74, abs=0.005)
    assert binomial_standard_error(1.0, 872) == 0
