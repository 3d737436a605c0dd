"""Numbers that were estimated, with their intervals at any level and the seeds that would tell."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import nct
from scipy.stats import t as student

from study.analyses.sufficiency.planning import Components, Question, seeds_needed
from study.claims.verdicts import CannotTell
from study.statistics.crossed import Crossed

_MOST = 10**6  # seeds that are asked for; more is none

Needed = Callable[[float, float, float], int | None]


@dataclass(frozen=True)
class Estimate:
    """A number that was estimated.

    Attributes:
        half_width: how far the truth may be from `value`, by one-sided error rate.
        over: what it would vary over, in words: "seeds and test sentences".
        seeds: the seeds that tell a distance, if it is the true one, by one-sided error rate and
            power; None if no number does.
        setting: of these seeds, in params.yaml.
        one_seed: there is one seed, and nothing tells how seeds differ.
    """

    value: float
    half_width: Callable[[float], float]
    over: str
    seeds: Needed = lambda distance, tail, power: None
    setting: str = "seeds"
    one_seed: bool = False

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the two-sided interval of confidence 1 - alpha."""
        width = self.half_width(alpha / 2)
        return self.value - width, self.value + width


def estimate(found: Crossed, scale: float = 100.0, sentences: str = "test sentences") -> Estimate:
    """Return a mean times `scale`: by default a fraction of the test sentences, in points."""
    parts = Components.estimated(found)

    def seeds(distance: float, tail: float, power: float) -> int | None:
        question = Question(0.0, tail, power, distance / scale)
        return seeds_needed(parts, found.num_sentences, question)

    return Estimate(
        scale * float(found.mean[0]),
        lambda tail: scale * float(found.half_width(tail)[0]),
        f"seeds and {sentences}" if found.num_seeds > 1 else f"{sentences} of one seed",
        seeds,
        one_seed=found.num_seeds == 1,
    )


def published(
    record: Mapping[str, float | None],
    key: str,
    by_seed: Sequence[float],
    sentences: int,
    alpha: float,
) -> Estimate:
    """Return an estimate in points of which a record has its interval and not its data.

    The interval is Banerjee's (`study.statistics.crossed`): of its squared half-width the seeds'
    part follows from the differences by seed, and what it leaves is laid on the sentences. At its
    own confidence that gives the interval back, and at a higher one it is none too narrow.

    Args:
        key: of the value; its interval stands under `{key}_low` and `{key}_high`.
        by_seed: the value of each seed, as a fraction; sentences: that it is a mean over.
        alpha: 1 - the confidence of the interval.
    """
    value, *ends = (record[name] for name in (key, f"{key}_low", f"{key}_high"))
    assert value is not None
    half = max(math.inf if end is None else abs(end - value) for end in ends) / 100
    tail, num_seeds = alpha / 2, len(by_seed)
    of_seeds = float(np.var(by_seed, ddof=1)) / num_seeds if num_seeds > 1 else 0.0
    own = float(student.isf(tail, num_seeds - 1)) ** 2 * of_seeds if num_seeds > 1 else 0.0
    left = max(half**2 - own, 0.0) / float(student.isf(tail, max(sentences - 1, 1))) ** 2
    mean, seeds, rest, of_sentences = (np.array([x]) for x in (value / 100, of_seeds, 0.0, left))
    return estimate(Crossed(mean, seeds, of_sentences, rest, num_seeds, sentences))


def over_seeds(values: Sequence[float], what: str, setting: str = "seeds") -> Estimate:
    """Return the mean of one value a seed, with Student's t interval over the seeds.

    Raises:
        CannotTell: there is one seed; `what` says of what.
    """
    if len(values) < 2:
        raise CannotTell(
            f"one seed does not tell how {what} varies over seeds: "
            f"`dvc exp run -S '{setting}=[0,1,2]'`"
        )
    deviation = float(np.std(values, ddof=1))
    error = deviation / math.sqrt(len(values))
    degrees = len(values) - 1
    return Estimate(
        float(np.mean(values)),
        lambda tail: float(student.isf(tail, degrees)) * error,
        "seeds",
        lambda distance, tail, power: _seeds_of_t_test(distance, deviation, tail, power),
        setting,
    )


def _seeds_of_t_test(distance: float, deviation: float, tail: float, power: float) -> int | None:
    """Return the least number of seeds with this power: the noncentral t distribution's."""
    if distance <= 0:
        return None

    def reached(seeds: int) -> bool:
        limit = student.isf(tail, seeds - 1)
        shift = distance / max(deviation, math.ulp(0.0)) * math.sqrt(seeds)
        return shift > 2 * limit + 10 or float(nct.sf(limit, seeds - 1, shift)) >= power

    high = 2
    while not reached(high):
        high *= 2
        if high > _MOST:
            return None
    return 2 + bisect_left(range(2, high + 1), True, key=reached)
