"""What a smaller rank than the recommended one costs, on test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from study.analyses.sufficiency.rows import alpha_of, points_of
from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import paired
from study.statistics.looks import ONCE, Look
from study.statistics.resampling import Scores


def smaller_rows(
    merits: Scores,
    ranks: Sequence[int],
    picked: int | None,
    statistics: StatisticsSettings,
    look: Look = ONCE,
) -> list[dict[str, Any]]:
    """Return of every smaller rank its `difference` to the picked one, with an interval, in points.

    `low` and `high` hold for all of them together (Bonferroni). The rank is picked on validation,
    so that on test none of these is favoured. None where a rank alone, or none, was picked.

    Args:
        merits: (num_ranks, num_seeds, num_sentences), as `ranks`, which are ascending.
        picked: a place in `ranks`.
        look: of several at a growing study.
    """
    rows = []
    for place in range(picked or 0):
        difference = paired(merits[place], merits[picked], look=look)
        half = difference.half_width(alpha_of(statistics) / 2 / (picked or 1))
        low, high = difference.mean - half, difference.mean + half
        mean = 100 * float(difference.mean[0])
        rows.append(
            {
                "rank": ranks[place],
                "difference": mean,
                "low": points_of(low),
                "high": points_of(high),
            }
        )
    return rows
