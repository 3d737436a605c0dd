"""Correlations, and what each sentence adds to them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def pearson(predicted: Floats, true: Floats) -> Floats:
    """Return the parts (n,) of Pearson's correlation of numbers (n,)."""
    return correlation(np.asarray(predicted)[:, None], np.asarray(true)[:, None])


def correlation(x: Floats, y: Floats) -> Floats:
    """Return the parts (n,) of the correlation of x and y, (n, k) each, summed over k.

    a / sqrt(b c), with a the covariance, b and c the variances; 0 where x or y is constant, which
    puts nothing in order. With a_i, b_i, c_i of sentence i, whose means are a, b and c, its
    influence is a_i / sqrt(b c) - r / 2 (b_i / b + c_i / c).
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return _ratio((x * y).sum(axis=1), (x * x).sum(axis=1), (y * y).sum(axis=1))


def spearman(predicted: Floats, true: Floats) -> Floats:
    """Return the parts (n,) of Spearman's correlation of numbers (n,): of mid-ranks.

    A sentence also shifts the ranks of all others, which is part of its influence (Croux & Dehon
    2010, "Influence functions of the Spearman and Kendall correlation measures"; here with ties).
    """
    x, y = (_Ranks(np.asarray(values, dtype=np.float64)) for values in (predicted, true))
    own = x.share * y.share
    moved = x.moves(y.share) + y.moves(x.share)
    return _ratio(
        own + moved,
        x.share**2 + 2 * x.moves(x.share),
        y.share**2 + 2 * y.moves(y.share),
    )


class _Ranks:
    """Mid-ranks of values (n,) as shares, less their mean.

    Attributes:
        share: of the values below, and half of those that equal it, less 1/2.
    """

    def __init__(self, values: Floats) -> None:
        self._sorted = np.argsort(values, kind="stable")
        ordered = values[self._sorted]
        self._from = np.searchsorted(ordered, values, side="left")
        self._to = np.searchsorted(ordered, values, side="right")
        self.share = (self._from + self._to) / (2 * len(values)) - 0.5

    def moves(self, weights: Floats) -> Floats:
        """Return what each value does to the mean of `share` times weights (n,) of mean 0.

        It raises the share of every larger value, and by half that of its equals.
        """
        sums = np.concatenate([[0.0], np.cumsum(weights[self._sorted])])
        above = sums[-1] - (sums[self._from] + sums[self._to]) / 2
        return np.asarray(above / len(weights) - np.mean(self.share * weights))


def _ratio(a_i: Floats, b_i: Floats, c_i: Floats) -> Floats:
    a, b, c = a_i.mean(), b_i.mean(), c_i.mean()
    if not b > 0 or not c > 0:
        return np.zeros_like(a_i)
    r = a / np.sqrt(b * c)
    return np.asarray(r + a_i / np.sqrt(b * c) - r / 2 * (b_i / b + c_i / c))
