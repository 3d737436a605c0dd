"""What other seeds and test sentences would have told: resampling, where no formula does.

Intervals of means and of paired differences are `study.statistics.crossed`'s. Resampled is what is
no mean: how often a rule would choose each rank, which learning rate would be the best.

Scores stand in arrays (num_arms, num_seeds, num_sentences): in every arm the same seeds and the
same sentences, in the same order. Both were drawn from more that could have been drawn, so both
are resampled, crossed: a resample draws seeds and, independently, sentences, with replacement, and
takes every score of a drawn seed on a drawn sentence (the "pigeonhole bootstrap": Owen 2007,
arXiv 0712.1111). All arms are scored on the same draws, which pairs them.

What to expect of it: the seeds' part of the variance comes out (S - 1)/S too small from S seeds,
the part of single runs on single sentences up to 3 times too large. Means have intervals that do
better with few seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.bool_ | np.float64]
Floats = NDArray[np.float64]

_DRAWS_AT_ONCE = 2**20  # sentence indices held in memory, 8 bytes each


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, in the unit of what it is about."""

    low: float
    high: float


@dataclass(frozen=True)
class Draws:
    """How often each seed, (some, num_seeds), and sentence, (some, num_sentences), was drawn."""

    times_seed: Floats
    times_sentence: Floats


def everything_once(num_seeds: int, num_sentences: int) -> Draws:
    """Return the one draw that is the data themselves."""
    return Draws(np.ones((1, num_seeds)), np.ones((1, num_sentences)))


def draw(num_seeds: int, num_sentences: int, resamples: int, seed: int) -> Iterator[Draws]:
    """Draw seeds and, independently, sentences, with replacement, `resamples` times.

    Yields some at a time, so that memory does not grow with resamples x sentences; how many changes
    nothing in what is drawn.
    """
    seed_stream, sentence_stream = np.random.default_rng(seed).spawn(2)
    times_seed = np.concatenate(list(_draw_counts(seed_stream, num_seeds, resamples)))
    done = 0
    for times_sentence in _draw_counts(sentence_stream, num_sentences, resamples):
        yield Draws(times_seed[done : done + len(times_sentence)], times_sentence)
        done += len(times_sentence)


def _draw_counts(stream: np.random.Generator, size: int, resamples: int) -> Iterator[Floats]:
    """Draw `size` of `size` things with replacement, `resamples` times, some rows at once.

    Yields how often each was drawn, (some, size): a multinomial variate, by counting indices, which
    is exact integer arithmetic and quicker than a chain of binomials.
    """
    rows = max(1, _DRAWS_AT_ONCE // size)
    for start in range(0, resamples, rows):
        some = min(rows, resamples - start)
        drawn = stream.integers(0, size, (some, size))
        drawn += np.arange(some)[:, None] * size
        yield np.bincount(drawn.ravel(), minlength=some * size).reshape(some, size).astype(float)


def percentile_interval(resampled: Floats, confidence: float) -> Interval:
    """Return the middle `confidence` of the resampled values (Efron 1979's percentile interval)."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Interval(float(low), float(high))


def binomial_standard_error(accuracy: float, num_sentences: int) -> float:
    """Return sqrt(p (1 - p) / n): of one run's accuracy, as far as the choice of sentences goes."""
    return math.sqrt(accuracy * (1 - accuracy) / num_sentences)
