"""The rank that the rule picks, of the ranks that trained, and how often it would pick each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from study.analyses.sufficiency.choice import shares_of_one_standard_error
from study.analyses.sufficiency.rows import points_of
from study.analyses.sufficiency.rule import one_standard_error
from study.analyses.sufficiency.verdicts import NONE
from study.metrics.measure import Measure
from study.settings.statistics import StatisticsSettings
from study.statistics.recomputed import Recomputed
from study.statistics.resampling import Scores


def recommended_of(
    on_validation: Scores, ranks: Sequence[int], trained: Sequence[int], measure: Measure
) -> dict[str, Any]:
    """Return what the rule picks of the ranks that trained, with every rank's row beside it."""
    of_all = picked_of(on_validation, ranks, measure)
    picks: dict[str, Any] = dict.fromkeys(("rank", "best_rank"))
    if trained:
        of = [ranks[place] for place in trained]
        of_trained = picked_of(on_validation[trained], of, measure)
        picks = {key: of_trained[key] for key in picks}
    untrained = [rank for place, rank in enumerate(ranks) if place not in trained]
    return of_all | picks | {"of_all": of_all["rank"], "untrained": untrained}


def shares_recommended(
    on_validation: Scores,
    ranks: Sequence[int],
    trained: Sequence[int],
    statistics: StatisticsSettings,
    exact: Recomputed | None,
) -> dict[str, float]:
    """Return how often each rank would be recommended; one that did not train never is."""
    found = dict.fromkeys(map(str, ranks), 0.0)
    if not trained:
        return found | {NONE: 1.0}
    of = [ranks[place] for place in trained]
    return found | shares_of_one_standard_error(
        on_validation[trained], of, statistics, exact and exact.of(trained)
    )


def picked_of(merits: Scores, ranks: Sequence[int], measure: Measure) -> dict[str, Any]:
    """Return the rank by the rule, the best one, and of every rank `behind_best` (points)."""
    picked = one_standard_error(merits)
    rows = zip(
        ranks, merits.mean(axis=(1, 2)), picked.behind[:, 0], picked.standard_error[:, 0],
        strict=True,
    )  # fmt: skip
    return {
        "rank": ranks[int(picked.place[0])],
        "best_rank": ranks[int(picked.best[0])],
        "ranks": [
            {
                "rank": rank,
                measure.name: measure.value_of_merit(float(merit)),
                "behind_best": 100 * float(behind),
                "standard_error": points_of(error),
            }
            for rank, merit, behind, error in rows
        ],
    }
