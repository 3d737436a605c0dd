"""Means over pairs of runs, and how sure they are.

A quantity of two runs on a test sentence (whether they predict differently, how far apart their
outputs are) stands in an array (S, S, n): seed of the first run, seed of the second, sentence. Two
means are taken of it: over pairs of the same seed, and over all ordered pairs of different seeds.

Intervals come from the study's crossed bootstrap (`study.statistics`): a seed is drawn whole, with
all its runs, and whatever pairs of drawn seeds there are count as often as both were drawn. A draw
of one seed twice makes no pair of different seeds; where a resample drew one seed only, it is left
out. Two seeds make one pair, so that nothing is left to draw among pairs: the interval is then over
sentences alone.

What to expect of it, simulated with 3,000 sentences and 95 % intervals, an arm against itself and
against a noisier one: where sentences are the greater uncertainty, they cover about 99 % with 3, 5
or 10 seeds. Where seeds are, they cover 69, 79 and 81 % for one mean over pairs, and 85, 94 and
93 % for the paired difference of two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.settings import StatisticsSettings
from study.statistics import bootstrap_means, draw, percentile_interval

Values = NDArray[Any]  # (S, S, n), numbers or booleans
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean, and the same in every resample, (resamples,)."""

    mean: float
    resampled: Floats

    def __sub__(self, other: Estimate) -> Estimate:
        """Return the paired difference: both must have been made of the same draws."""
        return Estimate(self.mean - other.mean, self.resampled - other.resampled)

    def describe(self, confidence: float, name: str = "mean") -> dict[str, float]:
        """Return the mean by this name and its percentile interval, as a record holds them."""
        interval = percentile_interval(self.resampled, confidence)
        return {name: self.mean, "low": interval.low, "high": interval.high}


def same_seed(values: Values, statistics: StatisticsSettings) -> Estimate:
    """Return the mean over pairs of the same seed."""
    seeds = range(len(values))
    paired = values[seeds, seeds].astype(np.float64)  # (S, n)
    resampled = bootstrap_means(paired[None], statistics.resamples, statistics.seed)[0]
    return Estimate(float(paired.mean()), resampled)


def different_seeds(values: Values, statistics: StatisticsSettings) -> Estimate:
    """Return the mean over ordered pairs of different seeds; at least two seeds are needed.

    All estimates of one number of seeds and sentences are made of the same draws.
    """
    num_seeds, _, num_sentences = values.shape
    flat = values.reshape(-1, num_sentences).astype(np.float64)
    means = []
    for drawn in draw(num_seeds, num_sentences, statistics.resamples, statistics.seed):
        by_pair = drawn.times_sentence @ flat.T / num_sentences  # (some, S * S)
        means.append(_weighted(by_pair, drawn.times_seed))
    resampled = np.concatenate(means)
    whole = _weighted(flat.mean(axis=1)[None], np.ones((1, num_seeds)))
    return Estimate(float(whole[0]), resampled)


def _weighted(by_pair: Floats, times_seed: Floats) -> Floats:
    """Weigh each pair of different seeds, (some, S * S), by how often both were drawn, (some, S).

    Rows that drew one seed only are left out.
    """
    num_seeds = times_seed.shape[1]
    weights = times_seed[:, :, None] * times_seed[:, None, :]
    weights[:, range(num_seeds), range(num_seeds)] = 0
    weights = weights.reshape(len(times_seed), -1)
    total = weights.sum(axis=1)
    mixed = total > 0
    means: Floats = (by_pair * weights).sum(axis=1)[mixed] / total[mixed]
    return means
