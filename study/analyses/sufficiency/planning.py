"""How many seeds, or test sentences, it would take to tell.

The parts of the variance are taken as they were estimated, and the numbers of seeds and sentences
are varied. Estimated from few seeds they are rough, and so is what follows: an order of magnitude.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit
from scipy.stats import chi2, norm

from study.statistics.crossed import Crossed

_MOST = 10**6  # of what is counted; more is none
_POINTS = 400  # at which the distribution of MS_seed is taken


@dataclass(frozen=True)
class Components:
    """Variances of a difference: of a seed, of a sentence, and of the rest of a single answer."""

    of_seed: float
    of_sentence: float
    of_rest: float

    @classmethod
    def estimated(cls, difference: Crossed) -> Components:
        """Solve the expected mean squares, of the first draw; what would be negative is 0.

        With one seed all is laid on the sentences.
        """
        seeds, sentences, rest = (
            float(part[0]) for part in (difference.seeds, difference.sentences, difference.rest)
        )
        of_seed = max(seeds - rest, 0.0) * difference.num_seeds
        of_sentence = float(difference.sentences_alone()[0]) * difference.num_sentences
        shared = sentences - of_sentence / difference.num_sentences
        return cls(of_seed, of_sentence, shared * difference.num_seeds * difference.num_sentences)


@dataclass(frozen=True)
class Question:
    """What is to be shown: a true difference to be told from a margin, one-sided at alpha."""

    margin: float
    alpha: float
    power: float
    difference: float = 0.0

    def at(self, difference: float) -> Question:
        """Return the same question of another true difference."""
        return replace(self, difference=difference)


def power(parts: Components, num_seeds: float, num_sentences: float, question: Question) -> float:
    """Return the chance of a clear answer, equivalent or not, with so many seeds and sentences.

    The mean is normal, MS_seed a chi-squared variable, and the sentences' parts are known. Infinity
    is allowed for either number. With one seed, of sentences alone.
    """
    of_rest = parts.of_rest / (num_seeds * num_sentences)
    of_sentence = parts.of_sentence / num_sentences
    of_seed = parts.of_seed / num_seeds
    deviation = math.sqrt(of_seed + of_sentence + of_rest) or math.ulp(0.0)
    normal = _quantile(question.alpha, num_sentences - 1)
    widths = np.array([normal * math.sqrt(of_sentence + of_rest)])
    if 1 < num_seeds < math.inf:
        degrees = num_seeds - 1
        estimates = chi2.ppf((np.arange(_POINTS) + 0.5) / _POINTS, degrees) / degrees
        of_seeds = _quantile(question.alpha, degrees) ** 2 * (of_seed + of_rest) * estimates
        widths = np.maximum(widths, np.sqrt(of_seeds + normal**2 * of_sentence))
    low, high = ((side * question.margin - question.difference) / deviation for side in (-1.0, 1.0))
    away = widths / deviation
    if abs(question.difference) < question.margin:
        chances = np.maximum(norm.cdf(high - away) - norm.cdf(low + away), 0.0)
    else:
        chances = norm.cdf(low - away) + norm.sf(high + away)
    return float(chances.mean())


def _quantile(alpha: float, degrees: float) -> float:
    return float(norm.isf(alpha) if degrees == math.inf else -stdtrit(degrees, alpha))


def seeds_needed(parts: Components, num_sentences: int, question: Question) -> int | None:
    """Return the least number of seeds, 2 or more, with these sentences; None if none is enough."""
    return _least(lambda seeds: power(parts, seeds, num_sentences, question), question.power)


def sentences_needed(parts: Components, num_seeds: int, question: Question) -> int | None:
    """Return the least number of test sentences, 2 or more, with these seeds; None if none is."""
    return _least(lambda sentences: power(parts, num_seeds, sentences, question), question.power)


def _least(power_of: Callable[[float], float], wanted: float) -> int | None:
    """Return the least number at which the power is there; it grows with the number."""
    if power_of(math.inf) < wanted:
        return None
    high = 2
    while power_of(high) < wanted:
        high *= 2
        if high > _MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(middle) >= wanted else (middle, high)
    return high
