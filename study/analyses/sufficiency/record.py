"""What `metrics/sufficient_rank.json` holds: which rank is enough, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from study.analyses.results.sweep import Sweep, scores
from study.analyses.sufficiency.answer import needed, verdicts_of
from study.analyses.sufficiency.choice import shares_of_equivalence, shares_of_one_standard_error
from study.analyses.sufficiency.equivalence import judge
from study.analyses.sufficiency.planning import Question
from study.analyses.sufficiency.reasons import reason
from study.analyses.sufficiency.rule import one_standard_error
from study.analyses.sufficiency.trend import trend
from study.analyses.sufficiency.verdicts import EQUIVALENT, NONE
from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import Crossed, crossed
from study.statistics.resampling import Floats, Scores
from study.words.phrases import margin as margin_words

RULE = "the smallest rank within one paired standard error of the best"


def sufficient_rank(
    results: Sweep,
    validation: Mapping[int, Scores],
    untrained: Collection[int],
    statistics: StatisticsSettings,
) -> dict[str, Any]:
    """Return the record. Accuracies are fractions; differences, errors and margins are points.

    A rank is recommended on validation, and everything else is told on test.

    - `recommended`, `one_standard_error`: see `_picked`, and the words of the `rule`. Ranks that
      did not train (`untrained`) are not recommended; where none is left the `rank` is None.
      `of_all` is the rank that the rule picks of all ranks, trained or not.
    - `answer`: the verdicts on the recommended rank; see `study.analyses.sufficiency.verdict`.
    - `differences`: of every rank to full fine-tuning, and of every seed; see `_difference`.
    - `equivalence`: at every margin the smallest equivalent `rank`, or None, and every rank's
      verdict; see `_equivalence`. `alpha` and `power`: of these tests, and of what they would take.
    - `choice`: by rule, in which share of resamples each rank, or "none", is chosen.
    - `trend`: see `study.analyses.sufficiency.trend`.
    - `seeds` and `sentences`: what the means are over; `validation_sentences` those of the
      recommendation. `error_from`: "seeds and sentences", or "sentences" where there is one seed.

    Args:
        validation: by rank, which answers on validation are right, (num_seeds, num_sentences).
        untrained: ranks of which `metrics/undertraining.json` says that they did not train.
    """
    ranks = list(results.lora)
    correct = np.stack([scores(record) for record in results.lora.values()])
    of_full = scores(results.full).astype(np.float64)
    on_validation = np.stack([np.asarray(validation[rank]) for rank in ranks])
    differences = [crossed(arm - of_full) for arm in correct.astype(np.float64)]
    alpha = _alpha(statistics)
    _, num_seeds, num_sentences = correct.shape
    by_margin = shares_of_equivalence(correct, of_full, ranks, statistics)
    trained = [place for place, rank in enumerate(ranks) if rank not in untrained]
    recommended = _recommended(on_validation, ranks, trained)
    picked = None if recommended["rank"] is None else ranks.index(recommended["rank"])
    return {
        "recommended": recommended | {"rule": RULE, "split": "validation"},
        "answer": None if picked is None else verdicts_of(differences[picked], statistics),
        "one_standard_error": _picked(correct, ranks) | {"rule": RULE, "split": "test"},
        "differences": [
            _difference(rank, difference, alpha, len(ranks))
            | {"by_seed": (100 * (arm.mean(axis=1) - of_full.mean(axis=1))).tolist()}
            for rank, arm, difference in zip(ranks, correct, differences, strict=True)
        ],
        "equivalence": [
            _equivalence(ranks, differences, margin, statistics) for margin in statistics.margins
        ],
        "alpha": alpha,
        "power": statistics.power,
        "choice": {
            "one standard error on validation": _shares(on_validation, ranks, trained, statistics),
            "one standard error on test": shares_of_one_standard_error(correct, ranks, statistics),
        }
        | {
            f"equivalent within {margin_words(margin)}": shares
            for margin, shares in zip(statistics.margins, by_margin, strict=True)
        },
        "trend": trend(correct),
        "seeds": num_seeds,
        "sentences": num_sentences,
        "validation_sentences": on_validation.shape[2],
        "error_from": "seeds and sentences" if num_seeds > 1 else "sentences",
    }


def _recommended(
    on_validation: Scores, ranks: Sequence[int], trained: Sequence[int]
) -> dict[str, Any]:
    """Return what the rule picks of the ranks that trained, with every rank's row beside it."""
    of_all = _picked(on_validation, ranks)
    picks: dict[str, Any] = dict.fromkeys(("rank", "best_rank"))
    if trained:
        of_trained = _picked(on_validation[trained], [ranks[place] for place in trained])
        picks = {key: of_trained[key] for key in picks}
    untrained = [rank for place, rank in enumerate(ranks) if place not in trained]
    return of_all | picks | {"of_all": of_all["rank"], "untrained": untrained}


def _shares(
    on_validation: Scores,
    ranks: Sequence[int],
    trained: Sequence[int],
    statistics: StatisticsSettings,
) -> dict[str, float]:
    """Return how often each rank would be recommended; one that did not train never is."""
    shares = dict.fromkeys(map(str, ranks), 0.0)
    if not trained:
        return shares | {NONE: 1.0}
    of = [ranks[place] for place in trained]
    return shares | shares_of_one_standard_error(on_validation[trained], of, statistics)


def _picked(correct: Scores, ranks: Sequence[int]) -> dict[str, Any]:
    """Return the rank by the rule, the best one, and of every rank `behind_best` (points)."""
    picked = one_standard_error(correct)
    rows = zip(
        ranks, correct.mean(axis=(1, 2)), picked.behind[:, 0], picked.standard_error[:, 0],
        strict=True,
    )  # fmt: skip
    return {
        "rank": ranks[int(picked.place[0])],
        "best_rank": ranks[int(picked.best[0])],
        "ranks": [
            {
                "rank": rank,
                "accuracy": float(accuracy),
                "behind_best": 100 * float(behind),
                "standard_error": _points(error),
            }
            for rank, accuracy, behind, error in rows
        ],
    }


def _difference(rank: int, difference: Crossed, alpha: float, num_ranks: int) -> dict[str, Any]:
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
        "low": _points(mean - alone),
        "high": _points(mean + alone),
        "low_together": _points(mean - together),
        "high_together": _points(mean + together),
    } | _error(difference)


def _error(difference: Crossed) -> dict[str, Any]:
    return {
        "standard_error": _points(difference.standard_error()),
        "degrees_of_freedom": _finite(difference.degrees_of_freedom()[0]),
    }


def _equivalence(
    ranks: Sequence[int],
    differences: Sequence[Crossed],
    margin: float,
    statistics: StatisticsSettings,
) -> dict[str, Any]:
    """Return the verdicts at a margin.

    What it would take: see `study.analyses.sufficiency.verdict.needed`, whatever the other ranks
    are.
    """
    alpha = _alpha(statistics)
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
        row["reason"] = reason(row, margin, difference.num_seeds, difference.num_sentences)
        rows.append(row)
    found = [row["rank"] for row in rows if row["verdict"] == EQUIVALENT]
    return {"margin": margin, "rank": found[0] if found else None, "ranks": rows}


def _alpha(statistics: StatisticsSettings) -> float:
    return round(1 - statistics.confidence, 12)


def _points(fractions: Floats) -> float | None:
    return _finite(100 * float(np.ravel(fractions)[0]))


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
