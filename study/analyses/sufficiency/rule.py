"""The one-standard-error rule: the smallest rank that is no farther from the best than chance.

Breiman, Friedman, Olshen & Stone 1984, "Classification and regression trees", 3.4.3, with the
paired standard error of each rank's difference to the best (`study.statistics.crossed`): what a
seed or a sentence does to both ranks alike does not count. It picks, it does not prove: a rank may
be worse than the best by more than its standard error and look better, or the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.statistics.crossed import are_counts, crossed
from study.statistics.recomputed import Recomputed
from study.statistics.resampling import Draws, Floats, Scores, everything_once


@dataclass(frozen=True)
class Picked:
    """What the rule picks in every draw, as places in the list of ranks, ascending.

    Attributes:
        place, best: (num_draws,); of equally good ranks the smallest is the best.
        behind, standard_error: of every rank to the best, fractions, (num_ranks, num_draws).
    """

    place: NDArray[np.int64]
    best: NDArray[np.int64]
    behind: Floats
    standard_error: Floats


def one_standard_error(
    merits: Scores, draws: Draws | None = None, exact: Recomputed | None = None
) -> Picked:
    """Apply the rule in every draw; without draws, to the data once.

    Args:
        merits: (num_ranks, num_seeds, num_sentences), ranks ascending.
        exact: the same ranks, where the metric is no mean over sentences; standard errors are of
            `merits` even then.
    """
    counts, scores = are_counts(merits), merits.astype(np.float64)
    drawn = draws or everything_once(*scores.shape[1:])
    num_ranks, num_draws = len(scores), len(drawn.times_seed)
    if exact is None:
        means = np.stack([crossed(rank, drawn).mean for rank in scores])
    else:
        means = exact.merits(drawn)
    best = means.argmax(axis=0)
    standard_error = np.zeros((num_ranks, num_draws))
    for of_best in np.unique(best):
        rows = best == of_best
        some = Draws(drawn.times_seed[rows], drawn.times_sentence[rows])
        for rank in range(num_ranks):
            if rank != of_best:
                difference = crossed(scores[rank] - scores[of_best], some, counts=counts)
                standard_error[rank, rows] = difference.standard_error()
    behind = means.max(axis=0) - means
    return Picked((behind <= standard_error).argmax(axis=0), best, behind, standard_error)
