"""How LoRA's best learning rate goes with the rank: a power of it, held against predictions.

Predicted for LoRA under Adam from B = 0, with an update multiplied by r^-gamma, is a best rate that
goes as r^(-(1 - gamma) / 2) (arXiv 2602.06204): r^0 for alpha / r, r^(-1/4) for alpha / sqrt(r),
r^(-1/2) for alpha.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from study.records.runs import ArmRecord
from study.statistics.resampling import Floats, percentile_interval
from study.words.phrases import listed

PREDICTIONS = {"fixed": 0.0, "rslora": -0.25, "proportional": -0.5}


def exponent(
    lora: Sequence[ArmRecord], resampled: Sequence[Floats], scaling: str, confidence: float
) -> dict[str, Any]:
    """Return the slope of log(best rate) on log(rank), by least squares, against predictions.

    - `value`, and `low`, `high`: its percentile interval over resampled seeds, None with one seed.
    - `resolution`: how far the slope can be off either way because only the grid's rates were
      tried, each best being right to half a step; `grid_step`: the largest ratio of neighbours.
    - `predictions`: of each scaling, the study's own marked `applies`; `within`: it lies in the
      interval, widened by the resolution. `nearest`: the scaling whose prediction is nearest.
    - `at_edge`: ranks whose best is the lowest or highest rate tried; `note`: what follows, if any.

    Or the `reason` why it cannot be told, and the predictions.

    Args:
        resampled: of every arm, the best rate in each resample of the seeds, (resamples,).
        scaling: of alpha with the rank, a key of `PREDICTIONS`.
    """
    reason = _untold(lora)
    if reason:
        return {
            "reason": reason,
            "predictions": [_prediction(each, scaling) for each in PREDICTIONS],
        }
    ranks = np.log([arm.rank for arm in lora if arm.rank])
    value = float(_slopes(ranks, np.array([[arm.learning_rate] for arm in lora]))[0])
    centred = ranks - ranks.mean()
    steps = [np.diff(np.log(sorted(arm.learning_rates))).max() for arm in lora]
    resolution = float(np.abs(centred) @ steps / 2 / (centred @ centred))
    several_seeds = len(lora[0].picked()) > 1
    low = high = value
    if several_seeds:
        interval = percentile_interval(_slopes(ranks, np.stack(resampled)), confidence)
        low, high = interval.low, interval.high
    edge = [arm.rank for arm in lora if at_edge(arm)]
    return {
        "value": value,
        "low": low if several_seeds else None,
        "high": high if several_seeds else None,
        "resolution": resolution,
        "grid_step": math.exp(max(steps)),
        "predictions": [
            _prediction(name, scaling)
            | {"within": bool(low - resolution <= predicted <= high + resolution)}
            for name, predicted in PREDICTIONS.items()
        ],
        "nearest": min(PREDICTIONS, key=lambda name: abs(PREDICTIONS[name] - value)),
        "at_edge": edge,
        "note": _note(edge, several_seeds),
    }


def _slopes(log_ranks: Floats, rates: Floats) -> Floats:
    """Return the slope in every column of rates, (num_ranks, columns)."""
    centred = log_ranks - log_ranks.mean()
    slopes: Floats = centred @ np.log(rates) / (centred @ centred)
    return slopes


def _prediction(name: str, scaling: str) -> dict[str, Any]:
    return {"scaling": name, "exponent": PREDICTIONS[name], "applies": name == scaling}


def at_edge(arm: ArmRecord) -> bool:
    """Whether an arm's best rate is the lowest or the highest that was tried."""
    return arm.learning_rate in (min(arm.learning_rates), max(arm.learning_rates))


def _untold(lora: Sequence[ArmRecord]) -> str | None:
    if len(lora) < 2:
        return "one rank: nothing to compare its best learning rate with"
    if any(len(arm.learning_rates) == 1 for arm in lora):
        return "one learning rate was tried, so at no rank is the best one known"
    if any(len(arm.learning_rates) == 2 for arm in lora):
        return (
            "of two learning rates either is at the edge of what was tried, so it may not be the "
            "best one: it takes three or more"
        )
    if len({arm.learning_rates for arm in lora}) > 1:
        return "ranks tried different learning rates, so what was tried decides how the best go"
    for edge, beyond in ((min, "smaller"), (max, "larger")):
        if all(arm.learning_rate == edge(arm.learning_rates) for arm in lora):
            return f"at every rank the best is at the edge of the grid: try {beyond} rates"
    return None


def _note(edge: Sequence[int | None], several_seeds: bool) -> str | None:
    notes = []
    if edge:
        ranks = f"rank{'' if len(edge) == 1 else 's'} {listed(edge)}"
        notes.append(f"at {ranks} the best is at the edge of the grid and may lie beyond it")
    if not several_seeds:
        notes.append("one seed: how certain the best rates are cannot be told")
    return "; ".join(notes) or None
