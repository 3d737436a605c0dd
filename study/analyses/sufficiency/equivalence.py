"""Is a rank equivalent to full fine-tuning, worse, better, or can it not be told?

A margin, set beforehand, says which difference would not matter. Two one-sided tests (Schuirmann
1987) show equivalence: the difference is above -margin, and it is below +margin; both must reject,
each at level alpha. Two further tests ask the opposite: is it below -margin (worse), is it above
+margin (better)? Each of the three questions is put to every rank of a sweep, and each is held to
alpha over all ranks together by Holm's procedure (1979): the chance that any rank is called
equivalent that is not is at most alpha. Where none is shown, the data do not tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.multitest import multipletests

from study.analyses.sufficiency.verdicts import BETTER, EQUIVALENT, UNTOLD, WORSE
from study.statistics.crossed import Crossed
from study.statistics.resampling import Floats


@dataclass(frozen=True)
class Judged:
    """A rank's verdict at a margin, and its p values, adjusted for the other ranks."""

    verdict: str
    p_equivalent: float
    p_worse: float
    p_better: float


def judge(differences: Sequence[Crossed], margin: float, alpha: float) -> list[Judged]:
    """Return the verdict on every rank; differences are to full fine-tuning.

    Args:
        margin: a fraction, as the differences are; alpha: of each question, over all ranks.
    """
    means = [float(difference.mean[0]) for difference in differences]
    adjusted = [
        holm(differences, distances)
        for distances in (
            [margin - abs(mean) for mean in means],
            [-margin - mean for mean in means],
            [mean - margin for mean in means],
        )
    ]
    return [
        Judged(_verdict(p_equivalent, p_worse, p_better, alpha), p_equivalent, p_worse, p_better)
        for p_equivalent, p_worse, p_better in zip(*adjusted, strict=True)
    ]


def holm(differences: Sequence[Crossed], distances: Sequence[float]) -> list[float]:
    """Return one-sided p values of one question put to every rank, adjusted by Holm's procedure.

    Args:
        distances: of each mean from its limit, on the side that is to be shown.
    """
    p_values = [d.p_value(distance) for d, distance in zip(differences, distances, strict=True)]
    adjusted: list[float] = multipletests(p_values, method="holm")[1].tolist()
    return adjusted


def _verdict(p_equivalent: float, p_worse: float, p_better: float, alpha: float) -> str:
    """No two can be at most alpha, below 0.5: one mean lies on one side of each limit."""
    shown = {EQUIVALENT: p_equivalent, WORSE: p_worse, BETTER: p_better}
    return next((verdict for verdict, p in shown.items() if p <= alpha), UNTOLD)


def verdicts(differences: Sequence[Crossed], margin: float, alpha: float) -> list[str]:
    """Return every rank's verdict alone: that of `judge`, found without p values."""
    means = np.stack([difference.mean for difference in differences])
    worse = step_down(-margin - means, differences, alpha)[:, 0]
    better = step_down(means - margin, differences, alpha)[:, 0]
    shown = equivalent(differences, margin, alpha)[:, 0]
    names = np.select([shown, worse, better], [EQUIVALENT, WORSE, BETTER], UNTOLD)
    return [str(name) for name in names]


def equivalent(differences: Sequence[Crossed], margin: float, alpha: float) -> NDArray[np.bool_]:
    """Return which rank is shown to be equivalent in which draw, (num_ranks, num_draws).

    The same as `judge` says, for many draws at once: by what the mean must keep from the margins at
    each of Holm's levels, without p values.
    """
    distances = np.stack([margin - np.abs(difference.mean) for difference in differences])
    return step_down(distances, differences, alpha)


def step_down(distances: Floats, differences: Sequence[Crossed], alpha: float) -> NDArray[np.bool_]:
    """Return which one-sided tests reject by Holm's procedure, (num_ranks, num_draws).

    Args:
        distances: of each mean from its limit, on the side that is to be shown, as the result.
    """
    num_ranks = len(differences)
    rejected = np.zeros(distances.shape, bool)
    going = np.ones(distances.shape[1], bool)  # draws whose every earlier step rejected
    for step in range(num_ranks):
        level = alpha / (num_ranks - step)
        beyond = np.stack([d.half_width(level) for d in differences]) <= distances
        going &= beyond.sum(axis=0) > step  # the (step + 1)-th smallest p is at most the level
        rejected |= beyond & going
    return rejected
