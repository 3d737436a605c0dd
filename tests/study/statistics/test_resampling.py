"""Resampling of seeds and sentences, crossed, and what is read from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.statistics import resampling
from study.statistics.resampling import Draws, binomial_standard_error, draw, percentile_interval


def every(num_seeds: int, num_sentences: int, resamples: int, seed: int) -> Draws:
    drawn = list(draw(num_seeds, num_sentences, resamples, seed))
    return Draws(
        np.concatenate([some.times_seed for some in drawn]),
        np.concatenate([some.times_sentence for some in drawn]),
    )


def same(first: Draws, second: Draws) -> bool:
    return np.array_equal(first.times_seed, second.times_seed) and np.array_equal(
        first.times_sentence, second.times_sentence
    )


@given(seeds=st.integers(1, 4), sentences=st.integers(1, 40))
def test_each_draw_is_as_many_as_there_are(seeds: int, sentences: int):
    drawn = every(seeds, sentences, 50, seed=0)
    assert drawn.times_seed.shape == (50, seeds)
    assert drawn.times_sentence.shape == (50, sentences)
    assert (drawn.times_seed.sum(axis=1) == seeds).all()
    assert (drawn.times_sentence.sum(axis=1) == sentences).all()


def test_draws_are_multinomial_and_seeds_are_drawn_apart_from_sentences():
    drawn = every(3, 5, 20_000, seed=0)
    assert drawn.times_seed.mean(axis=0) == pytest.approx(1, abs=0.03)
    assert drawn.times_seed.var(axis=0) == pytest.approx(2 / 3, abs=0.03)  # n p (1 - p)
    assert drawn.times_sentence.var(axis=0) == pytest.approx(4 / 5, abs=0.03)
    between = np.corrcoef(drawn.times_seed.T, drawn.times_sentence.T)[:3, 3:]
    assert np.abs(between).max() < 0.03


def test_how_many_draws_are_held_at_once_changes_no_bit(monkeypatch):
    whole = every(3, 301, 257, seed=1)
    monkeypatch.setattr(resampling, "_DRAWS_AT_ONCE", 1000)
    assert same(every(3, 301, 257, seed=1), whole)


def test_the_seed_decides_the_draws():
    assert same(every(3, 40, 50, 7), every(3, 40, 50, 7))
    assert not same(every(3, 40, 50, 7), every(3, 40, 50, 8))


def test_a_percentile_interval_is_the_middle_of_the_values():
    values = np.random.default_rng(0).permutation(np.arange(101.0))
    inner, outer = percentile_interval(values, 0.8), percentile_interval(values, 0.9)
    assert (inner.low, inner.high) == pytest.approx((10, 90))
    assert (outer.low, outer.high) == pytest.approx((5, 95))


def test_binomial_standard_error_of_sst2s_dev_set():
    assert 100 * binomial_standard_error(0.95, 872) == pytest.approx(0.74, abs=0.005)
    assert binomial_standard_error(1.0, 872) == 0
