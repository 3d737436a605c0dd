"""The numbers that answer the question: accuracy of every arm, with intervals, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from study.analyses.results.sweep import Results, rank_of, scores
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.runs import ArmRecord
from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import crossed_interval
from study.statistics.resampling import Interval

_HEADLINE_KEYS = {"low": "test_accuracy_low", "high": "test_accuracy_high"}


def summarise(results: Results, statistics: StatisticsSettings) -> dict[str, Any]:
    """Return what `metrics/summary.json` holds. Accuracies and shares are fractions.

    - `headline`, `head_only`, `full`, `lora` by rank: see `_accuracy`, `_gap`, `_training`.
    - `interval`: what low and high (`study.statistics.crossed`) are over, "seeds and sentences", or
      "sentences" where there is one seed; `confidence` of it.
    - `seeds` and `test_sentences`: what the means are taken over.
    """
    confidence = statistics.confidence
    described = {}
    for arm in results.arms():
        right = scores(arm)
        found = _accuracy(arm, crossed_interval(right, confidence, least=0, most=1))
        if arm.arm != FULL:
            gaps = right.astype(np.float64) - scores(results.full)
            found |= _gap(arm, results.full, crossed_interval(gaps, confidence, least=-1, most=1))
        described[arm.arm, arm.rank] = found | _training(arm)
    rank = rank_of(results.headline)
    seeds = [run.seed for run in results.headline.picked()]
    return {
        "headline": {"rank": rank} | _headline(described[LORA, rank]),
        "head_only": described[HEAD_ONLY, None],
        "full": described[FULL, None],
        "lora": {str(rank): described[LORA, rank] for rank in results.lora},
        "interval": "seeds and sentences" if len(seeds) > 1 else "sentences",
        "confidence": statistics.confidence,
        "seeds": seeds,
        "test_sentences": len(results.headline.test_labels),
    }


def _accuracy(arm: ArmRecord, interval: Interval) -> dict[str, float]:
    """Return the test accuracy, mean over seeds, each at its best epoch, with its interval."""
    accuracy = float(scores(arm).mean())
    return {"test_accuracy": accuracy, "low": interval.low, "high": interval.high}


def _gap(arm: ArmRecord, full: ArmRecord, interval: Interval) -> dict[str, float]:
    """Return test accuracy less full fine-tuning's, with its paired interval."""
    return {
        "gap_to_full": float(scores(arm).mean()) - float(scores(full).mean()),
        "gap_to_full_low": interval.low,
        "gap_to_full_high": interval.high,
    }


def _training(arm: ArmRecord) -> dict[str, float]:
    """Return what was trained, and how.

    - `validation_accuracy`: mean over seeds, each at its best epoch; `learning_rate`: the one that
      validation picked.
    - `trainable_parameters`: adapter and head, or all of them; `trainable_share`: theirs of the
      model with its adapter, trainable / (total + adapter), so 1 in full fine-tuning.
    """
    with_adapter = arm.total_parameters + arm.adapter_parameters
    return {
        "validation_accuracy": float(np.mean([run.validation_accuracy for run in arm.picked()])),
        "learning_rate": arm.learning_rate,
        "trainable_parameters": arm.trainable_parameters,
        "trainable_share": arm.trainable_parameters / with_adapter,
        "head_parameters": arm.head_parameters,
        "adapter_parameters": arm.adapter_parameters,
    }


def _headline(described: dict[str, Any]) -> dict[str, Any]:
    """Rename the interval, so that in `dvc metrics diff` it says what it is of."""
    return {_HEADLINE_KEYS.get(key, key): value for key, value in described.items()}


def entries(summary: Mapping[str, Any]) -> dict[tuple[str, int | None], Mapping[str, Any]]:
    """Return a summary's part on every arm by (arm, rank): head-only, LoRA by rank, full.

    The headline's rank is among them whether it is in the sweep or not.
    """
    headline = summary["headline"]
    interval = {key: headline[name] for key, name in _HEADLINE_KEYS.items()}
    lora = {headline["rank"]: headline | interval}
    lora |= {int(rank): entry for rank, entry in summary["lora"].items()}
    return {
        (HEAD_ONLY, None): summary[HEAD_ONLY],
        **{(LORA, rank): lora[rank] for rank in sorted(lora)},
        (FULL, None): summary[FULL],
    }
