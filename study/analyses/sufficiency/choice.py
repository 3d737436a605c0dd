"""How often each rank would be chosen, had other seeds and test sentences been drawn.

Each rule is applied in full, its standard errors included, to resamples of seeds and sentences
crossed (`study.statistics.resampling.draw`), the same ones for every arm. A metric that is no mean
over sentences is computed anew in each (`study.statistics.recomputed`), its standard errors not.

A study of three seeds cannot foretell its own repetition closely: in simulation, with shares over
repetitions of the same study known, one study's shares were off by 0.33 to 0.40 for the one-
standard-error rule and 0.13 to 0.25 for equivalence (total variation distance, mean over studies).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from study.analyses.sufficiency.equivalence import equivalent
from study.analyses.sufficiency.rule import one_standard_error
from study.analyses.sufficiency.verdicts import NONE
from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import are_counts, crossed
from study.statistics.looks import ONCE, Look
from study.statistics.recomputed import Recomputed
from study.statistics.resampling import Draws, Scores, draw


def shares_of_one_standard_error(
    merits: Scores,
    ranks: Sequence[int],
    statistics: StatisticsSettings,
    exact: Recomputed | None = None,
) -> dict[str, float]:
    """Return the share of resamples in which the rule picks each rank.

    Args:
        merits: (num_ranks, num_seeds, num_sentences), as `ranks`, which are ascending.
        exact: the same, where the metric is no mean over sentences.
    """
    draws = _draws(merits, statistics)
    places = [one_standard_error(merits, some, exact).place for some in draws]
    return _shares(np.concatenate(places), ranks)


def shares_of_equivalence(
    merits: Scores,
    full: Scores,
    ranks: Sequence[int],
    statistics: StatisticsSettings,
    look: Look = ONCE,
    exact: Recomputed | None = None,
) -> list[dict[str, float]]:
    """Return, by margin, in which share each rank is the smallest equivalent one, or none is.

    Args:
        merits: (num_ranks, num_seeds, num_sentences), as `ranks`, which are ascending;
            full: (num_seeds, num_sentences).
        look: of several at a growing study.
        exact: of the ranks and then of full, where the metric is no mean over sentences.
    """
    differences = merits.astype(np.float64) - full
    places: list[list[NDArray[np.int64]]] = [[] for _ in statistics.margins]
    for draws in _draws(merits, statistics):
        measured = [crossed(d, draws, counts=are_counts(merits), look=look) for d in differences]
        if exact is not None:
            *of_ranks, of_full = exact.merits(draws)
            means = [of_rank - of_full for of_rank in of_ranks]
            measured = [replace(m, mean=mean) for m, mean in zip(measured, means, strict=True)]
        for found, margin in zip(places, statistics.margins, strict=True):
            shown = equivalent(measured, margin / 100, 1 - statistics.confidence)
            found.append(np.where(shown.any(axis=0), shown.argmax(axis=0), len(ranks)))
    return [_shares(np.concatenate(found), [*ranks, NONE]) for found in places]


def _draws(merits: Scores, statistics: StatisticsSettings) -> Iterator[Draws]:
    _, num_seeds, num_sentences = merits.shape
    return draw(num_seeds, num_sentences, statistics.resamples, statistics.seed)


def _shares(places: NDArray[np.int64], names: Sequence[int | str]) -> dict[str, float]:
    counts = np.bincount(places, minlength=len(names))
    return {str(name): int(count) / len(places) for name, count in zip(names, counts, strict=True)}
