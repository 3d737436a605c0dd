"""The numbers that answer the question: every arm's score, with intervals, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analyses.results.head_alone import head_alone, validation_score
from study.analyses.results.sweep import Results, measure_in, rank_of, scores
from study.metrics.measure import ACCURACY, Measure, measure_named
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.runs import ArmRecord
from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import are_counts, crossed_interval
from study.statistics.resampling import Scores
from study.words.arms import PROBE

if TYPE_CHECKING:
    from study.probes.record import LinearProbe

_ENDS = ("low", "high")


def summarise(
    results: Results, statistics: StatisticsSettings, probe: LinearProbe
) -> dict[str, Any]:
    """Return what `metrics/summary.json` holds. Accuracies and shares are fractions.

    Scores are by the study's metric, whose name is that of their keys: test_accuracy, or for one
    test_matthews; where it is another than accuracy, `metric` names it.

    - `headline`, `head_only`, `full`, `lora` by rank: see `_score`, `_gap`, `_training`.
    - `linear_probe`: see `_score`, `_gap`, `_probing`. It has no seeds: the interval of its
      score is over sentences alone, and it is paired with every seed of full fine-tuning.
    - `head_alone`: "head_only" or "linear_probe", whichever is better on validation.
    - `interval`: what low and high (`study.statistics.crossed`) are over, "seeds and sentences", or
      "sentences" where there is one seed; `confidence` of it.
    - `seeds` and `test_sentences`: what the means are taken over.
    """
    confidence, measure = statistics.confidence, measure_in(results.full)
    full = scores(results.full)
    described = {}
    for arm in results.arms():
        own = scores(arm)
        found = score_of(own, measure, confidence)
        if arm.arm != FULL:
            found |= _gap(own, full[: len(own)], measure, confidence)
        described[arm.arm, arm.rank] = found | _training(arm)
    own = probe.parts()
    probed = score_of(own, measure, confidence) | _gap(own, full, measure, confidence)
    rank = rank_of(results.headline)
    seeds = [run.seed for run in results.full.picked()]
    named = {} if measure.name == ACCURACY else {"metric": measure.name}
    return named | {
        "headline": {"rank": rank} | _headline(described[LORA, rank], measure),
        "head_only": described[HEAD_ONLY, None],
        "linear_probe": probed | _probing(probe),
        "head_alone": head_alone(results.head_only, probe).arm,
        "full": described[FULL, None],
        "lora": {str(rank): described[LORA, rank] for rank in results.lora},
        "interval": "seeds and sentences" if len(seeds) > 1 else "sentences",
        "confidence": statistics.confidence,
        "seeds": seeds,
        "test_sentences": len(results.headline.test_labels),
    }


def score_of(own: Scores, measure: Measure, confidence: float) -> dict[str, float]:
    """Return the score on test, mean over seeds, each at its best epoch, with its interval."""
    interval = crossed_interval(
        own, confidence, counts=are_counts(own), least=measure.least, most=measure.most
    )
    return {f"test_{measure.name}": float(own.mean()), "low": interval.low, "high": interval.high}


def _gap(own: Scores, full: Scores, measure: Measure, confidence: float) -> dict[str, float]:
    """Return the score on test less full fine-tuning's, with its paired interval.

    More is better, and a hundredth is a point (`Measure.merits`): of accuracy these are fractions.
    """
    most = measure.most - measure.least
    own, full = measure.merits(own), measure.merits(full)
    interval = crossed_interval(
        own.astype(np.float64) - full, confidence, counts=are_counts(own), least=-most, most=most
    )
    return {
        "gap_to_full": float(own.mean()) - float(full.mean()),
        "gap_to_full_low": interval.low,
        "gap_to_full_high": interval.high,
    }


def _training(arm: ArmRecord) -> dict[str, float]:
    """Return what was trained, and how.

    - `validation_` and the metric: mean over seeds, each at its best epoch; `learning_rate`: the
      one that validation picked.
    - `trainable_parameters`: adapter and head, or all of them; `trainable_share`: theirs of the
      model with its adapter, trainable / (total + adapter), so 1 in full fine-tuning.
    """
    with_adapter = arm.total_parameters + arm.adapter_parameters
    return {
        f"validation_{arm.metric}": validation_score(arm),
        "learning_rate": arm.learning_rate,
        "trainable_parameters": arm.trainable_parameters,
        "trainable_share": arm.trainable_parameters / with_adapter,
        "head_parameters": arm.head_parameters,
        "adapter_parameters": arm.adapter_parameters,
    }


def _probing(probe: LinearProbe) -> dict[str, Any]:
    """Return what was fitted: `state` and `c` as in its record, and its coefficients."""
    return {
        f"validation_{probe.metric}": probe.validation_score,
        "state": probe.state,
        "c": probe.c,
        "trainable_parameters": probe.trainable_parameters,
        "trainable_share": probe.trainable_parameters / probe.total_parameters,
        "head_parameters": probe.trainable_parameters,
        "adapter_parameters": 0,
    }


def _headline(described: dict[str, Any], measure: Measure) -> dict[str, Any]:
    """Rename the interval, so that in `dvc metrics diff` it says what it is of."""
    ends = {end: f"test_{measure.name}_{end}" for end in _ENDS}
    return {ends.get(key, key): value for key, value in described.items()}


def measure_of_summary(summary: Mapping[str, Any]) -> Measure:
    """Return by which measure a summary's scores are."""
    return measure_named(summary.get("metric", ACCURACY))


def entries(summary: Mapping[str, Any]) -> dict[tuple[str, int | None], Mapping[str, Any]]:
    """Return a summary's part on every arm by (arm, rank): head-only, probe, LoRA by rank, full.

    The headline's rank is among them whether it is in the sweep or not.
    """
    headline = summary["headline"]
    name = measure_of_summary(summary).name
    interval = {end: headline[f"test_{name}_{end}"] for end in _ENDS}
    lora = {headline["rank"]: headline | interval}
    lora |= {int(rank): entry for rank, entry in summary["lora"].items()}
    return {
        (HEAD_ONLY, None): summary[HEAD_ONLY],
        (PROBE, None): summary[PROBE],
        **{(LORA, rank): lora[rank] for rank in sorted(lora)},
        (FULL, None): summary[FULL],
    }
