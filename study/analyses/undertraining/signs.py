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

from study.analyses.undertraining.curve import Curve
from study.metrics.measure import ACCURACY
from study.statistics.crossed import paired
from study.statistics.resampling import Scores

HARDLY_LEARNED = "hardly learned"
STILL_LEARNING = "still learning"
NO_BETTER = "no better than the commonest class"
BEHIND_HEAD = "behind the head alone"

GUESS = "no better than a guess"  # how NO_BETTER is said where accuracy is not what is measured


def told(name: str, metric: str) -> str:
    """Return how a sign is said in a study of a metric."""
    return GUESS if name == NO_BETTER and metric != ACCURACY else name


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


def of_commonest(merits: Scores, guessed: Scores, alpha: float) -> Sign:
    """Return whether an arm is not shown to beat the commonest class, or another best guess.

    Args:
        merits: of an arm on validation, (num_seeds, num_sentences), of accuracy which sentences it
            got right; guessed: of one who guesses (`study.metrics.guessing`), (num_sentences,).
        alpha: of the one-sided test.
    """
    difference = paired(merits, guessed)
    p = difference.p_value(float(difference.mean[0]))
    return Sign(NO_BETTER, p > alpha, p, alpha)


def of_head(merits: Scores, head: Scores) -> Sign:
    """Return whether an arm is behind the head alone on validation, in points.

    Args:
        merits: as of `of_commonest`; head: the same of the head alone, of as many seeds, or of one
            answer for all of them.
    """
    difference = paired(head, merits)
    behind = 100 * float(difference.mean[0])
    error = 100 * float(difference.standard_error()[0])
    return Sign(BEHIND_HEAD, behind > error, behind, error)
