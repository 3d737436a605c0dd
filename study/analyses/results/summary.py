"""The numbers that answer the question: accuracy of every arm, with intervals, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from study.analyses.results.head_alone import head_alone, validation_accuracy
from study.analyses.results.sweep import Results, rank_of, scores
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.runs import ArmRecord
from study.settings.statistics import StatisticsSettings
from study.statistics.crossed import crossed_interval
from study.words.arms import PROBE

if TYPE_CHECKING:
    from study.probes.record import LinearProbe

Right = NDArray[np.bool_]  # which seed got which test sentence right, (num_seeds, num_sentences)

_HEADLINE_KEYS = {"low": "test_accuracy_low", "high": "test_accuracy_high"}


def summarise(
    results: Results, statistics: StatisticsSettings, probe: LinearProbe
) -> dict[str, Any]:
    """Return what `metrics/summary.json` holds. Accuracies and shares are fractions.

    - `headline`, `head_only`, `full`, `lora` by rank: see `_accuracy`, `_gap`, `_training`.
    - `linear_probe`: see `_accuracy`, `_gap`, `_probing`. It has no seeds: the interval of its
      accuracy is over sentences alone, and it is paired with every seed of full fine-tuning.
    - `head_alone`: "head_only" or "linear_probe", whichever is better on validation.
    - `interval`: what low and high (`study.statistics.crossed`) are over, "seeds and sentences", or
      "sentences" where there is one seed; `confidence` of it.
    - `seeds` and `test_sentences`: what the means are taken over.
    """
    confidence = statistics.confidence
    full = scores(results.full)
    described = {}
    for arm in results.arms():
        right = scores(arm)
        found = _accuracy(right, confidence)
        if arm.arm != FULL:
            found |= _gap(right, full, confidence)
        described[arm.arm, arm.rank] = found | _training(arm)
    probed = _accuracy(probe.parts(), confidence) | _gap(probe.parts(), full, confidence)
    rank = rank_of(results.headline)
    seeds = [run.seed for run in results.headline.picked()]
    return {
        "headline": {"rank": rank} | _headline(described[LORA, rank]),
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


def _accuracy(right: Right, confidence: float) -> dict[str, float]:
    """Return the test accuracy, mean over seeds, each at its best epoch, with its interval."""
    interval = crossed_interval(right, confidence, least=0, most=1)
    return {"test_accuracy": float(right.mean()), "low": interval.low, "high": interval.high}


def _gap(right: Right, full: Right, confidence: float) -> dict[str, float]:
    """Return test accuracy less full fine-tuning's, with its paired interval."""
    interval = crossed_interval(right.astype(np.float64) - full, confidence, least=-1, most=1)
    return {
        "gap_to_full": float(right.mean()) - float(full.mean()),
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
        "validation_accuracy": validation_accuracy(arm),
        "learning_rate": arm.learning_rate,
        "trainable_parameters": arm.trainable_parameters,
        "trainable_share": arm.trainable_parameters / with_adapter,
        "head_parameters": arm.head_parameters,
        "adapter_parameters": arm.adapter_parameters,
    }


def _probing(probe: LinearProbe) -> dict[str, Any]:
    """Return what was fitted: `state` and `c` as in its record, and its coefficients."""
    return {
        "validation_accuracy": probe.validation_score,
        "state": probe.state,
        "c": probe.c,
        "trainable_parameters": probe.trainable_parameters,
        "trainable_share": probe.trainable_parameters / probe.total_parameters,
        "head_parameters": probe.trainable_parameters,
        "adapter_parameters": 0,
    }


def _headline(described: dict[str, Any]) -> dict[str, Any]:
    """Rename the interval, so that in `dvc metrics diff` it says what it is of."""
    return {_HEADLINE_KEYS.get(key, key): value for key, value in described.items()}


def entries(summary: Mapping[str, Any]) -> dict[tuple[str, int | None], Mapping[str, Any]]:
    """Return a summary's part on every arm by (arm, rank): head-only, probe, LoRA by rank, full.

    The headline's rank is among them whether it is in the sweep or not.
    """
    headline = summary["headline"]
    interval = {key: headline[name] for key, name in _HEADLINE_KEYS.items()}
    lora = {headline["rank"]: headline | interval}
    lora |= {int(rank): entry for rank, entry in summary["lora"].items()}
    return {
        (HEAD_ONLY, None): summary[HEAD_ONLY],
        (PROBE, None): summary[PROBE],
        **{(LORA, rank): lora[rank] for rank in sorted(lora)},
        (FULL, None): summary[FULL],
    }
