"""The rows of a comparison with full fine-tuning: differences, and verdicts at a margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from study.analyses.sufficiency.answer import needed
from study.analyses.sufficiency.equivalence import judge
from study.analyses.sufficiency.looked import Seen, first_told
from study.analyses.sufficiency.planning import Question
from study.analyses.sufficiency.reasons import reason
from study.analyses.sufficiency.verdicts import EQUIVALENT
from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import Crossed
from study.statistics.resampling import Floats


def difference_row(rank: int, difference: Crossed, alpha: float, num_ranks: int) -> dict[str, Any]:
    """Return a difference and its intervals of confidence 1 - 2 alpha, which match the tests.

    - `low`, `high`: for this rank alone; `low_together`, `high_together`: for all ranks at once
      (Bonferroni). Within the margins a rank alone is equivalent if its first interval is, and
      certainly if its second one is; Holm's procedure is in between.
    """
    mean = float(difference.mean[0])
    alone, together = difference.half_width(alpha), difference.half_width(alpha / num_ranks)
    return {
        "rank": rank,
        "difference": 100 * mean,
        "low": points_of(mean - alone),
        "high": points_of(mean + alone),
        "low_together": points_of(mean - together),
        "high_together": points_of(mean + together),
    } | _error(difference)


def _error(difference: Crossed) -> dict[str, Any]:
    return {
        "standard_error": points_of(difference.standard_error()),
        "degrees_of_freedom": finite(difference.degrees_of_freedom()[0]),
    }


def equivalence_rows(
    ranks: Sequence[int],
    differences: Sequence[Crossed],
    margin: float,
    statistics: StatisticsSettings,
    digits: int = 2,
) -> dict[str, Any]:
    """Return the verdicts at a margin.

    Args:
        digits: of points, in words.

    What it would take: see `study.analyses.sufficiency.answer.needed`, whatever the other ranks
    are.
    """
    alpha = alpha_of(statistics)
    judged = judge(differences, margin / 100, alpha)
    rows = []
    for rank, difference, of_rank in zip(ranks, differences, judged, strict=True):
        question = Question(margin / 100, alpha / len(ranks), statistics.power)
        row = {
            "rank": rank,
            "verdict": of_rank.verdict,
            "difference": 100 * float(difference.mean[0]),
            **_error(difference),
            "p_equivalent": of_rank.p_equivalent,
            "p_worse": of_rank.p_worse,
            "p_better": of_rank.p_better,
            **needed(difference, question),
        }
        row["reason"] = reason(row, margin, difference.num_seeds, difference.num_sentences, digits)
        rows.append(row)
    found = [row["rank"] for row in rows if row["verdict"] == EQUIVALENT]
    return {"margin": margin, "rank": found[0] if found else None, "ranks": rows}


def equivalences(
    ranks: Sequence[int],
    by_look: Sequence[Sequence[Crossed]],
    looks: Sequence[Seen],
    margin: float,
    statistics: StatisticsSettings,
    digits: int = 2,
) -> dict[str, Any]:
    """Return `equivalence_rows` of the last look, with what earlier ones told.

    Args:
        by_look: every rank's difference, at each look.
    """
    found = [equivalence_rows(ranks, one, margin, statistics, digits) for one in by_look]
    rows = first_told([one["ranks"] for one in found], looks)
    equal = [row["rank"] for row in rows if row["verdict"] == EQUIVALENT]
    return {"margin": margin, "rank": equal[0] if equal else None, "ranks": rows}


def alpha_of(statistics: StatisticsSettings) -> float:
    """Return the level of the tests: what the confidence leaves."""
    return round(1 - statistics.confidence, 12)


def points_of(fractions: Floats) -> float | None:
    """Return the first of some fractions as points, None if it is not finite."""
    return finite(100 * float(np.ravel(fractions)[0]))


def finite(value: float) -> float | None:
    """Return a number that JSON has, or None."""
    return float(value) if math.isfinite(value) else None
