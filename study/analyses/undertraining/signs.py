"""The signs that an arm did not train, each with its limit and why it is there.

The training loss and the validation sentences are looked at, never the test sentences.

    hardly learned        training took away less than a tenth of guessing's loss
    still learning        a quarter of what was learned came in the last quarter of the steps
    no better than the    on validation it is not shown to be right more often than one who always
    commonest class       names the commonest class of the training sentences
    behind the head alone on validation it is right less often than the head alone, by more than one
                          paired standard error
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from study.analyses.undertraining.curve import Curve
from study.statistics.crossed import crossed
from study.statistics.resampling import Scores

HARDLY_LEARNED = "hardly learned"
STILL_LEARNING = "still learning"
NO_BETTER = "no better than the commonest class"
BEHIND_HEAD = "behind the head alone"

# Chosen from two files, trained for few steps and for many: docs/training.md has them.
LEARNED, FALLING = 0.1, 0.25


@dataclass(frozen=True)
class Sign:
    """One sign on one arm.

    Attributes:
        found: whether it is there; `value` (a share, a p value, or points) is then beyond `limit`.
    """

    name: str
    found: bool
    value: float
    limit: float


def of_curve(curve: Curve) -> list[Sign]:
    """Return the two signs of a training loss."""
    hardly, falling = curve.learned < LEARNED, curve.falling > FALLING and not curve.turned
    return [
        Sign(HARDLY_LEARNED, hardly, curve.learned, LEARNED),
        Sign(STILL_LEARNING, falling, curve.falling, FALLING),
    ]


def of_commonest(correct: Scores, commonest: Scores, alpha: float) -> Sign:
    """Return whether an arm is not shown to beat the commonest class.

    Args:
        correct: which validation sentences the arm got right, (num_seeds, num_sentences);
            commonest: which the commonest class gets right, (num_sentences,).
        alpha: of the one-sided test.
    """
    difference = crossed(correct.astype(np.float64) - commonest)
    p = difference.p_value(float(difference.mean[0]))
    return Sign(NO_BETTER, p > alpha, p, alpha)


def of_head(correct: Scores, head: Scores) -> Sign:
    """Return whether an arm is behind the head alone on validation, in points.

    Args:
        correct: which validation sentences the arm got right, (num_seeds, num_sentences);
            head: which the head alone did, of as many seeds, or of one answer for all of them.
    """
    difference = crossed(head.astype(np.float64) - correct)
    behind = 100 * float(difference.mean[0])
    error = 100 * float(difference.standard_error()[0])
    return Sign(BEHIND_HEAD, behind > error, behind, error)
