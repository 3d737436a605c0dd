"""How sure a mean over seeds and test sentences is, of an arm or of a paired difference of two.

d[s, i] is what an arm with seed s scores on test sentence i (1 if it is right), or the difference
of two arms there, in {-1, 0, 1}; it may as well be a real number, such as a divergence. Seeds and
sentences were both drawn from many; told is the mean over all of both:

    d[s, i] = mean + seed[s] + sentence[i] + rest[s, i], all random and independent.

The mean squares of the two-way table without replicates have these expectations (Cornfield & Tukey
1956, "Average values of mean squares in factorials"; Searle, Casella & McCulloch 1992, "Variance
components", 4.3), with S seeds and N sentences:

    MS_seed = V_rest + N V_seed,    MS_sentence = V_rest + S V_sentence,    MS_rest = V_rest,

so that Var(mean) = (MS_seed + MS_sentence - MS_rest) / (S N). Seeds that agree by luck can bring
this below MS_sentence / (S N), what the choice of sentences alone accounts for; it is held there.
With one seed it is the variance over sentences / N, and says nothing of other seeds.

Its degrees of freedom by Satterthwaite (1946) are reported, and not tested with: they too are
estimated from few seeds, and are large just when the variance came out too small. In simulation
with three seeds (normal parts, 66 mixtures of them) a t test by them rejected up to 1.25 times too
often at level 0.05, and up to 3.1 times at 0.05 / 6, which Holm's procedure asks for. Tests and
intervals are by Banerjee's (1960, Sankhya 22, 357: "Approximate confidence interval for linear
functions of means of k populations when the population variances are not equal"), in which each
part has its own quantile:

    half_width^2 = t(S - 1)^2 MS_seed / (S N) + t(N - 1)^2 (MS_sentence - MS_rest) / (S N),

and is no less than t(N - 1)^2 MS_sentence / (S N). It holds its level at any ratio of the parts,
since the tail of a squared normal variable is convex, and is exact where seeds are all of the
variance: in the same simulation it rejected 0.39 to 1.0 times as often as allowed at 0.05, and 0.12
to 1.0 times at 0.05 / 6. The price is power: with three seeds few differences can be told.

Simulated coverage of `crossed_interval` at 95 %, of answers of 0 and 1 on 1,000 and 3,000
sentences. An arm's accuracy, 80 % or 95 % in expectation: one seed, of whose accuracy it speaks
then, 93 to 95 %; 3 and 5 seeds 94 to 98 %, where the runs' accuracies have a standard deviation
from 0 to 6 points, so that sentences or seeds are nearly all of the variance; 79 to 90 % where runs
lie 20 points apart, some of them failed, which few of them cannot show. A paired difference: 95 to
98 % with 1, 3 and 5 seeds, whichever is the greater uncertainty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import stdtrit

from study.statistics.looks import ONCE, Look
from study.statistics.resampling import Draws, Floats, Interval, Scores, everything_once

_LEAST_P = 1e-100
_UNSEEN = 3.0  # answers of N that may differ though none did: Hanley & Lippman-Hand (1983)


@dataclass(frozen=True)
class Crossed:
    """A mean, in every draw, and its mean squares / (S N), all of one shape (draws,).

    With one seed `seeds` and `rest` are 0, and `sentences` is the variance over sentences / N; with
    one sentence it is infinite.

    `look` says which of several looks at a growing study this is: error rates are then those of all
    looks together, and intervals those of Jennison & Turnbull (1984, "Repeated confidence intervals
    for group sequential clinical trials").
    """

    mean: Floats
    seeds: Floats
    sentences: Floats
    rest: Floats
    num_seeds: int
    num_sentences: int
    look: Look = ONCE

    def sentences_alone(self) -> Floats:
        """Return V_sentence / N: what more seeds would not take away."""
        return np.maximum(self.sentences - self.rest, 0.0)

    def standard_error(self) -> Floats:
        """Return the standard error of the mean over seeds and sentences."""
        return np.sqrt(self.sentences + np.maximum(self.seeds - self.rest, 0.0))

    def degrees_of_freedom(self) -> Floats:
        """Return Satterthwaite's approximation for the square of `standard_error`."""
        own = [(self.sentences, self.num_sentences - 1)]
        if self.num_seeds > 1:
            counted = self.seeds > self.rest  # else the variance is that of sentences alone
            seeds, rest = (np.where(counted, part, 0.0) for part in (self.seeds, self.rest))
            own += [(seeds, self.num_seeds - 1)]
            own += [(rest, (self.num_seeds - 1) * max(self.num_sentences - 1, 1))]
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = sum(part**2 / degrees for part, degrees in own)
            return np.asarray(self.standard_error() ** 4 / spread)

    def half_width(self, alpha: float) -> Floats:
        """Return how far the mean must lie from a limit to be told from it, one-sided, at alpha."""
        alpha = self.look.level(alpha)
        of_sentences = _squared_quantile(alpha, self.num_sentences - 1)
        squared = of_sentences * self.sentences
        if self.num_seeds > 1:
            of_seeds = _squared_quantile(alpha, self.num_seeds - 1)
            both = of_seeds * self.seeds + of_sentences * self.sentences_alone()
            squared = np.maximum(squared, both)
        return np.sqrt(squared)

    def p_value(self, distance: float) -> float:
        """Return the least alpha at which a mean so far beyond a limit is told from it, one-sided.

        Of the first draw. A mean on the wrong side of the limit has a negative distance, p > 0.5.
        """

        def missing(log_alpha: float) -> float:
            return float(self.half_width(math.exp(log_alpha))[0]) - abs(distance)

        if not np.isfinite(self.sentences[0]):
            return 1.0
        if missing(math.log(0.5)) >= 0:
            smaller = 0.5
        elif missing(math.log(_LEAST_P)) <= 0:
            smaller = _LEAST_P
        else:
            smaller = math.exp(brentq(missing, math.log(_LEAST_P), math.log(0.5)))
        return smaller if distance >= 0 else 1 - smaller


def _squared_quantile(alpha: float, degrees: int) -> float:
    return float(stdtrit(degrees, alpha)) ** 2 if degrees > 0 else math.inf


def are_counts(scores: NDArray[Any]) -> bool:
    """Whether scores count answers: they are bool then, and differences of them in {-1, 0, 1}."""
    return bool(scores.dtype == np.bool_)


def paired(one: Scores, other: Scores, draws: Draws | None = None, look: Look = ONCE) -> Crossed:
    """Return the difference of two arms' scores, (num_seeds, num_sentences) each, in every draw.

    Bool scores count answers; see `crossed`.
    """
    d = one.astype(np.float64) - other
    return crossed(d, draws, counts=are_counts(one) and are_counts(other), look=look)


def crossed_interval(
    d: NDArray[Any],
    confidence: float,
    *,
    counts: bool = True,
    least: float = -math.inf,
    most: float = math.inf,
) -> Interval:
    """Return the two-sided interval of the mean of d, (num_seeds, num_sentences), in its unit.

    Args:
        counts: see `crossed`.
        least, most: values that the mean can have at all; the interval ends there.
    """
    measured = crossed(np.asarray(d, dtype=np.float64), counts=counts)
    mean = float(measured.mean[0])
    half = float(measured.half_width((1 - confidence) / 2)[0])
    return Interval(max(mean - half, least), min(mean + half, most))


def crossed(
    d: NDArray[np.float64], draws: Draws | None = None, *, counts: bool = True, look: Look = ONCE
) -> Crossed:
    """Return the mean and the mean squares of d, (num_seeds, num_sentences), in every draw.

    A seed or sentence that was drawn twice stands for two. Without draws, of the data once.

    Args:
        look: of several at a growing study.
        counts: whether d counts answers, so that it is in {-1, 0, 1}. Where fewer than 3 sentences
            were answered otherwise than all the rest, the sentences' part is then at least that of
            3 such answers: so many go unseen in one study of twenty.
    """
    num_seeds, num_sentences = d.shape
    drawn = draws or everything_once(num_seeds, num_sentences)
    cells = num_seeds * num_sentences
    by_seed = drawn.times_sentence @ d.T / num_sentences  # (draws, seeds)
    mean = (drawn.times_seed * by_seed).sum(axis=1) / num_seeds
    by_sentence = drawn.times_seed @ d / num_seeds  # (draws, sentences)
    of_sentence = (drawn.times_sentence * by_sentence**2).sum(axis=1) * num_seeds - cells * mean**2
    in_all = (drawn.times_seed * (drawn.times_sentence @ (d**2).T)).sum(axis=1)
    of_all = in_all - cells * mean**2
    of_seed = num_sentences * (drawn.times_seed * (by_seed - mean[:, None]) ** 2).sum(axis=1)
    of_rest = np.maximum(of_all - of_sentence - of_seed, 0.0)
    seeds = _mean_square(of_seed, num_seeds - 1, 0.0) / cells
    sentences = _mean_square(of_sentence, num_sentences - 1, math.inf) / cells
    rest = _mean_square(of_rest, (num_seeds - 1) * (num_sentences - 1), 0.0) / cells
    if counts:
        others = in_all + np.minimum(cells * (1 - 2 * np.abs(mean)), 0.0)  # than 0, or than +-1
        few = others < _UNSEEN * num_seeds
        sentences = np.where(few, np.maximum(sentences, _UNSEEN / num_sentences**2), sentences)
    return Crossed(mean, seeds, sentences, rest, num_seeds, num_sentences, look)


def _mean_square(squares: Floats, degrees: int, of_none: float) -> Floats:
    """Return sum of squares / degrees of freedom; rounding may have left it just below 0."""
    if degrees == 0:
        return np.full_like(squares, of_none)
    return np.maximum(squares, 0.0) / degrees
