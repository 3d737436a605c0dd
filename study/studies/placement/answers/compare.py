"""How two arms differ, paired over seeds and test sentences; differences are in points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.analyses.sufficiency.equivalence import judge
from study.analyses.sufficiency.rows import alpha_of, finite
from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import Crossed, are_counts, crossed, paired
from study.statistics.resampling import Scores
from study.studies.placement.answers.arms import Arm, Pair

Row = dict[str, Any]


def gap(difference: Crossed, confidence: float) -> Row:
    """Return `difference`, `low` and `high`; of one test sentence there is no interval."""
    mean = 100 * float(difference.mean[0])
    half = 100 * float(difference.half_width((1 - confidence) / 2)[0])
    return {"difference": mean, "low": finite(mean - half), "high": finite(mean + half)}


def mean_gap(pairs: Sequence[Pair]) -> Crossed:
    """Return the mean over pairs of the one's score less the other's."""
    return _mean([(pair.one.merits, pair.other.merits) for pair in pairs])


def mean_gap_of_probability(pairs: Sequence[Pair]) -> Crossed | None:
    """Return the same of the probability of the right class; None where there is none."""
    found = []
    for pair in pairs:
        if pair.one.right is None or pair.other.right is None:
            return None
        found.append((pair.one.right, pair.other.right))
    return _mean(found)


def _mean(scores: Sequence[tuple[Scores, Scores]]) -> Crossed:
    gaps: list[NDArray[np.float64]] = [one.astype(np.float64) - other for one, other in scores]
    counts = len(gaps) == 1 and are_counts(scores[0][0])
    return crossed(np.mean(gaps, axis=0), counts=counts)


def pair_rows(pairs: Sequence[Pair], statistics: StatisticsSettings) -> list[Row]:
    """Return a row a pair, with its verdicts, which share one error rate at each margin."""
    found = [paired(pair.one.merits, pair.other.merits) for pair in pairs]
    rows = []
    for pair, own, verdicts in zip(pairs, found, _verdicts(found, statistics), strict=True):
        sharper = mean_gap_of_probability([pair])
        rows.append(
            {"one": _named(pair.one), "other": _named(pair.other), "parameters": pair.ratio}
            | gap(own, statistics.confidence)
            | {
                "verdicts": verdicts,
                "probability": None if sharper is None else gap(sharper, statistics.confidence),
            }
        )
    return rows


def to_full(arms: Sequence[Arm], full: Scores, statistics: StatisticsSettings) -> list[Row]:
    """Return each arm's difference to full fine-tuning, with verdicts of those trained here.

    The main study judges its own ranks.
    """
    found = [paired(arm.merits, full) for arm in arms]
    own = [difference for arm, difference in zip(arms, found, strict=True) if not arm.main]
    judged = iter(_verdicts(own, statistics))
    return [
        gap(difference, statistics.confidence) | {"verdicts": None if arm.main else next(judged)}
        for arm, difference in zip(arms, found, strict=True)
    ]


def _verdicts(differences: Sequence[Crossed], statistics: StatisticsSettings) -> list[list[Row]]:
    """Return by difference, and in it by margin, the `verdict`."""
    if not differences:
        return []
    alpha = alpha_of(statistics)
    by_margin = [judge(differences, margin / 100, alpha) for margin in statistics.margins]
    return [
        [
            {"margin": margin, "verdict": judged[i].verdict}
            for margin, judged in zip(statistics.margins, by_margin, strict=True)
        ]
        for i in range(len(differences))
    ]


def _named(arm: Arm) -> Row:
    return {"name": arm.name, "rank": arm.rank, "adapter_parameters": arm.parameters}
