"""How far two tuned models usually differ, by any metric: what a study can show hangs on it.

Taken from the default study (MiniLM on Rotten Tomatoes, LoRA of six ranks against full fine-tuning,
3 seeds, 3,000 test sentences): variances of one paired difference, pooled over ranks.

Other metrics of right and wrong are reckoned from accuracy's. What differs is by how much the
metric moves when one answer turns from right to wrong: by a share of 1 / n in accuracy, elsewhere
by the difference of the sentence's two parts (`study.metrics.measure`). Assumed is that models are
right on 80 % of every class, and wrong in favour of all other classes alike. For two classes that
are equally common that factor is 1 for balanced accuracy and macro F1, and 2 for Matthews'
correlation. Measured on the default study: 1.0, 1.0, and 1.9 to 2.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from study.analyses.sufficiency.planning import Components
from study.metrics.measure import CLASSIFICATION, LOG_LOSS, Measure

Classes = NDArray[np.int64]

# (fraction of right answers)^2: of a seed (.23 points), a sentence (.29 points at 3,000 sentences)
# and the rest of a single answer (.29 points at 3 seeds and 3,000 sentences).
USUAL = Components(of_seed=0.0023**2, of_sentence=3000 * 0.0029**2, of_rest=9000 * 0.0029**2)
# (hundredths of a nat)^2, in the same order: .0053, .0052 and .0034 nats. Of the same runs, whose
# epochs accuracy picked: those that log loss picks are less sure and differ less.
_USUAL_LOSS = Components(
    of_seed=0.000053**2, of_sentence=3000 * 0.000052**2, of_rest=9000 * 0.000034**2
)
_RIGHT = 0.8
_ANSWERS = 10_000
_EQUAL = (0.5, 0.5)

AS_IF = {
    LOG_LOSS: "reckoned as if models differed as on the default study",
    CLASSIFICATION: "reckoned from accuracy as if there were two classes, equally common",
}
UNTOLD = (
    "with which chance a rank that truly equals full fine-tuning is shown to be so cannot be told "
    "beforehand for {metric}: how far apart the numbers of two models lie was measured on no study "
    "of numbers. What more it would take stands in metrics/sufficient_rank.json after training"
)


def usual(measure: Measure, shares: Sequence[float] = _EQUAL) -> Components | None:
    """Return the variances of a paired difference by a metric, in merits; None: nothing tells.

    Args:
        shares: of the classes; those of a study that has not read its data are taken to be two
            that are equally common.
    """
    if measure.task != CLASSIFICATION:
        return None
    if measure.name == LOG_LOSS:
        return _USUAL_LOSS
    times = factor(measure, shares) ** 2
    return Components(times * USUAL.of_seed, times * USUAL.of_sentence, times * USUAL.of_rest)


def factor(measure: Measure, shares: Sequence[float]) -> float:
    """Return how far an answer that turns wrong moves a metric, of how far it moves accuracy.

    The root of the mean square over the sentences.
    """
    true, told = _answers(shares)
    parts = measure.parts(told, true).astype(np.float64)
    squares = 0.0
    for c, share in enumerate(shares):
        of = true == c
        if of.any():
            right = parts[of & (told == c)][0]
            by_wrong = [parts[of & (told == other)][0] for other in set(told[of]) - {c}]
            squares += share * float(np.mean((right - np.array(by_wrong)) ** 2))
    return math.sqrt(squares)


def _answers(shares: Sequence[float]) -> tuple[Classes, Classes]:
    """Return true and told classes of sentences, answered as is assumed."""
    true: list[int] = []
    told: list[int] = []
    for c, share in enumerate(shares):
        if share == 0:
            continue
        number = max(round(share * _ANSWERS), 2)
        right = min(round(_RIGHT * number), number - 1)
        others = [other for other in range(len(shares)) if other != c]
        true += [c] * number
        told += [c] * right + [others[i % len(others)] for i in range(number - right)]
    return np.array(true), np.array(told)
