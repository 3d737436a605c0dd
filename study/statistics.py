"""How sure a mean over seeds and test sentences is.

Scores stand in arrays (num_arms, num_seeds, num_sentences): in every arm the same seeds and the
same sentences, in the same order. Both were drawn from more that could have been drawn, so both
are resampled, crossed: a resample draws seeds and, independently, sentences, with replacement, and
takes every score of a drawn seed on a drawn sentence (the "pigeonhole bootstrap": Owen 2007,
arXiv 0712.1111). All arms are scored on the same draws, which makes a difference between two of
them a paired one.

What to expect of it: the seeds' part of the variance is estimated (S - 1)/S too small from S seeds,
the part of single runs on single sentences up to 3 times too large. For an arm's mean over three
seeds and some thousand sentences, which are the greater uncertainty, the two about cancel: a 95 %
interval covers 95 %. In a paired difference what sentences do to both arms drops out, and the last
part weighs more: its interval errs on the wide side. Where seeds are the greater uncertainty, three
of them cover some 80 %, and no resampling of three numbers does much better.
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


def bootstrap_means(scores: Scores, resamples: int, seed: int) -> Floats:
    """Return the mean of every arm in every resample, (num_arms, resamples).

    A row depends on its own arm alone: the draws are fixed by `seed`, `resamples` and the numbers
    of seeds and sentences, so that another arm beside it changes nothing. With one seed there is
    nothing to draw among seeds, and the sentences alone are resampled. Memory grows with the scores
    and with arms x resamples, not with resamples x sentences.

    Args:
        scores: (num_arms, num_seeds, num_sentences). Where they are 0 or 1 the sums are whole
            numbers, exact in any order: the result is the same bits on any number of threads.
        resamples: number of draws; seed: of the draws.

    Raises:
        ValueError: `scores` has another number of axes, or an axis is empty.
    """
    if scores.ndim != 3 or 0 in scores.shape:
        raise ValueError(f"scores: shape {scores.shape}; allowed: (arms, seeds, sentences)")
    num_arms, num_seeds, num_sentences = scores.shape
    columns = scores.reshape(num_arms * num_seeds, num_sentences).astype(np.float64).T
    means = []
    for drawn in draw(num_seeds, num_sentences, resamples, seed):
        sums = drawn.times_sentence @ columns  # (some, sentences) @ (sentences, arms * seeds)
        by_arm = sums.reshape(-1, num_arms, num_seeds)
        means.append(np.einsum("ras,rs->ar", by_arm, drawn.times_seed))
    together: Floats = np.concatenate(means, axis=1)
    together /= num_seeds * num_sentences
    return together


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


def mean_interval(scores: Scores, confidence: float, resamples: int, seed: int) -> Interval:
    """Return the interval of the mean of one arm's scores, (num_seeds, num_sentences).

    Raises:
        ValueError: as `bootstrap_means`.
    """
    return percentile_interval(bootstrap_means(scores[None], resamples, seed)[0], confidence)


def difference_interval(
    first: Scores, second: Scores, confidence: float, resamples: int, seed: int
) -> Interval:
    """Return the interval of mean(first) - mean(second), paired over seeds and sentences.

    Both are (num_seeds, num_sentences); what a seed or a sentence does to both arms alike drops out
    of the difference, so this is narrower than what the two arms' own intervals suggest.

    Raises:
        ValueError: the shapes differ, or as `bootstrap_means`.
    """
    if first.shape != second.shape:
        raise ValueError(f"scores: shapes {first.shape} and {second.shape}; allowed: the same")
    means = bootstrap_means(np.array([first, second]), resamples, seed)
    return percentile_interval(means[0] - means[1], confidence)


def binomial_standard_error(accuracy: float, num_sentences: int) -> float:
    """Return sqrt(p (1 - p) / n): of one run's accuracy, as far as the choice of sentences goes."""
    return math.sqrt(accuracy * (1 - accuracy) / num_sentences)
