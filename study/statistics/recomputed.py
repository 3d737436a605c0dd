"""A metric of resampled sentences, computed anew: what weighing its parts only comes near to.

Accuracy and log loss are means over sentences, so a resample's is the mean of the drawn ones. The
others are not. Their parts (`study.metrics.measure`) give a resample's value to first order; here
it is exact: from how often every class was true, told and both among the drawn sentences, from
moments of the numbers, or from their mid-ranks. A sentence that was drawn twice stands for two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.metrics.measure import (
    BALANCED_ACCURACY,
    MACRO_F1,
    MATTHEWS,
    PEARSON,
    RMSE,
    SPEARMAN,
    Measure,
)
from study.statistics.resampling import Draws, Floats

Array = NDArray[Any]
Value = Callable[[Array], Floats]


@dataclass(frozen=True, eq=False)
class Recomputed:
    """Arms whose metric can be computed anew in every draw.

    Attributes:
        measure: no mean over sentences.
        answers: (num_arms, num_seeds, num_sentences), as `Measure.answers` gives them.
        labels: (num_sentences,).
    """

    measure: Measure
    answers: Array
    labels: Array

    def merits(self, draws: Draws) -> Floats:
        """Return the mean over drawn seeds, (num_arms, num_draws); more is better."""
        value_of = _VALUES[self.measure.name](draws.times_sentence, self.labels)
        values = np.array([[value_of(of_seed) for of_seed in arm] for arm in self.answers])
        means = np.einsum("asd,ds->ad", values, draws.times_seed) / self.answers.shape[1]
        return np.asarray(self.measure.merits(means), dtype=np.float64)

    def of(self, places: Sequence[int]) -> Recomputed:
        """Return the same of some of the arms."""
        return replace(self, answers=self.answers[list(places)])


def recomputed(measure: Measure, answers: Array, labels: Array) -> Recomputed | None:
    """Return arms to be computed anew; None where their metric is a mean, which weights give."""
    return Recomputed(measure, answers, labels) if measure.name in _VALUES else None


# Each takes how often sentences were drawn, (num_draws, n), and their labels (n,), and returns what
# takes answers (n,) and returns the metric in every draw. What is of labels alone is found once.


def _counts(times: Floats, told: Array, true: Array) -> tuple[Floats, Floats, Floats]:
    """Return how often each class was true, told, and both, (num_draws, num_classes) each."""
    classes = np.union1d(told, true)
    are, said = true[:, None] == classes, told[:, None] == classes
    counted = times @ np.concatenate([are, said, are & said], axis=1).astype(np.float64)
    of_true, of_told, of_both = np.split(counted, 3, axis=1)
    return of_true, of_told, of_both


def _balanced(times: Floats, true: Array) -> Value:
    def value(told: Array) -> Floats:
        are, _, both = _counts(times, told, true)
        return _mean_of_some(both, are)

    return value


def _macro_f1(times: Floats, true: Array) -> Value:
    def value(told: Array) -> Floats:
        are, said, both = _counts(times, told, true)
        return _mean_of_some(2 * both, are + said)

    return value


def _mean_of_some(above: Floats, below: Floats) -> Floats:
    """Return the mean over classes of above / below, of those that were drawn."""
    drawn = below > 0
    ratios = np.divide(above, below, out=np.zeros_like(above), where=drawn)
    return np.asarray(ratios.sum(axis=1) / drawn.sum(axis=1))


def _matthews(times: Floats, true: Array) -> Value:
    def value(told: Array) -> Floats:
        are, said, both = (counts / times.shape[1] for counts in _counts(times, told, true))
        covariance = both.sum(axis=1) - (are * said).sum(axis=1)
        return _correlation(covariance, 1 - (said**2).sum(axis=1), 1 - (are**2).sum(axis=1))

    return value


def _pearson(times: Floats, true: Array) -> Value:
    def value(told: Array) -> Floats:
        x, y = (np.asarray(values, dtype=np.float64) for values in (told, true))
        x, y = x - x.mean(), y - y.mean()  # else the difference of moments loses digits
        moments = times @ np.stack([x, y, x * y, x * x, y * y], axis=1) / times.shape[1]
        mean_x, mean_y, xy, xx, yy = moments.T
        return _correlation(xy - mean_x * mean_y, xx - mean_x**2, yy - mean_y**2)

    return value


def _spearman(times: Floats, true: Array) -> Value:
    y = _ranks(times, true)
    weighed = times * y
    of_true = _dot(weighed, y)

    def value(told: Array) -> Floats:
        x = _ranks(times, told)
        return _correlation(_dot(weighed, x), _dot(times, x**2), of_true)

    return value


def _dot(one: Floats, other: Floats) -> Floats:
    return np.asarray(np.einsum("dn,dn->d", one, other) / one.shape[1])


def _ranks(times: Floats, values: Array) -> Floats:
    """Return mid-ranks among the drawn, as shares less 1/2, (num_draws, n)."""
    _, of, counts = np.unique(values, return_inverse=True, return_counts=True)
    order = np.argsort(of, kind="stable")
    starts = np.cumsum(counts) - counts
    groups = np.add.reduceat(times[:, order], starts, axis=1)
    below = np.cumsum(groups, axis=1) - groups
    return np.asarray(((below + groups / 2) / times.shape[1] - 0.5)[:, of])


def _rmse(times: Floats, true: Array) -> Value:
    def value(told: Array) -> Floats:
        squares = (np.asarray(told, dtype=np.float64) - true) ** 2
        return np.asarray(np.sqrt(times @ squares / times.shape[1]))

    return value


def _correlation(covariance: Floats, of_x: Floats, of_y: Floats) -> Floats:
    """Return a / sqrt(b c); 0 where one of the two is constant among the drawn."""
    spread = np.sqrt(np.maximum(of_x, 0.0) * np.maximum(of_y, 0.0))
    some = spread > _ROUNDING
    found: Floats = np.divide(covariance, spread, out=np.zeros_like(covariance), where=some)
    return found


_ROUNDING = 1e-14
_VALUES: Mapping[str, Callable[[Floats, Array], Value]] = {
    BALANCED_ACCURACY: _balanced,
    MACRO_F1: _macro_f1,
    MATTHEWS: _matthews,
    PEARSON: _pearson,
    SPEARMAN: _spearman,
    RMSE: _rmse,
}
