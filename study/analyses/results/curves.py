"""The rows behind the figures, for matplotlib here and Vega in `dvc plots` alike.

Each function returns a flat list of rows that all have the same keys, as DVC wants them. A row
names its arm twice: `arm` and `rank` for programs, `label` for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.analyses.results.summary import entries, measure_of_summary
from study.analyses.results.sweep import Results, measure_in, seed_scores
from study.entry.errors import StudyError
from study.metrics.measure import Measure
from study.records.arm_names import LORA
from study.records.runs import ArmRecord, RunRecord
from study.words.arms import PROBE, arm_label
from study.words.scores import measure_of, score

Row = dict[str, Any]

_LOSS_POINTS = 24  # of a loss curve: fewer and less noisy points than the runs logged


def rank_curve(results: Results, summary: Mapping[str, Any]) -> list[Row]:
    """Return the score on test by rank: a row per LoRA rank, and each other arm at each rank.

    For the score see `_score`. `seed_scores` are the single runs: one of the linear probe, which
    has no seeds. `headline` marks the headline's rank, `in_sweep` is false where that rank is no
    part of the sweep.
    """
    arms = results.arms()
    ranks = [arm.rank for arm in arms if arm.arm == LORA]
    entry_of = entries(summary)
    by_seed = {(arm.arm, arm.rank): seed_scores(arm) for arm in arms}
    by_seed[PROBE, None] = [score(summary[PROBE])]
    rows = []
    for arm, entry in entry_of.items():
        for rank in [arm[1]] if arm[0] == LORA else ranks:
            rows.append(
                _name(*arm)
                | {"rank": rank}
                | _score(entry)
                | {"seed_scores": by_seed[arm]}
                | {"headline": _is_headline(*arm, summary), "in_sweep": rank in results.lora}
            )
    return rows


def pareto(summary: Mapping[str, Any]) -> list[Row]:
    """Return the score on test by trainable parameters, a row per arm, fewest parameters first.

    An arm is `on_front` (the Pareto front) if no other is better in one of the two and no worse in
    the other.
    """
    rows = []
    for name, entry in entries(summary).items():
        size = {key: entry[key] for key in ("trainable_parameters", "trainable_share")}
        marked = {"headline": _is_headline(*name, summary)}
        rows.append(_name(*name) | size | _score(entry) | marked)
    measure = measure_of_summary(summary)
    for row in rows:
        row["on_front"] = not any(_dominates(other, row, measure) for other in rows)
    return sorted(rows, key=lambda row: row["trainable_parameters"])


def dynamics(results: Results) -> list[Row]:
    """Return how training went, of the picked learning rate: rows by arm, quantity and step.

    `quantity` is "training loss" (mean since the step before) or "validation accuracy", or another
    metric in words (at the ends of epochs); `value` is the mean over seeds, `low` and `high` the
    lowest and highest seed. Where a seed stopped early, the arm's curves end with it.

    Raises:
        StudyError: the seeds of an arm were not measured at the same steps.
    """
    rows = []
    for arm in results.arms():
        runs = arm.picked()
        losses = _same_steps(arm, [run.loss_steps for run in runs])
        values = np.array([run.loss_values[: len(losses)] for run in runs])
        rows += _rows(arm, "training loss", *_thin(losses, values, _LOSS_POINTS))
        evaluations = _same_steps(arm, [_evaluation_steps(run) for run in runs])
        points = [run.validation[: len(evaluations)] for run in runs]
        values = np.array([[point.score for point in each] for each in points])
        rows += _rows(arm, f"validation {measure_in(arm).words}", evaluations, values)
    return rows


def _rows(arm: ArmRecord, quantity: str, steps: list[int], values: NDArray[Any]) -> list[Row]:
    """Write (num_seeds, num_points) as rows."""
    named = _name(arm.arm, arm.rank) | {"quantity": quantity}
    columns = zip(steps, values.mean(0), values.min(0), values.max(0), strict=True)
    return [
        named | {"step": step, "value": float(mean), "low": float(low), "high": float(high)}
        for step, mean, low, high in columns
    ]


def _thin(
    steps: list[int], values: NDArray[Any], num_points: int
) -> tuple[list[int], NDArray[Any]]:
    """Join neighbours of (num_seeds, num_points) until few enough are left.

    A point is the mean over the steps since the point before, and stays so: neighbours are weighted
    by how many steps each stands for.
    """
    starts = np.arange(0, len(steps), -(-len(steps) // num_points))
    ends = np.append(starts[1:], len(steps)) - 1
    weights = np.diff(steps, prepend=0)
    means = np.add.reduceat(values * weights, starts, axis=1) / np.add.reduceat(weights, starts)
    return [steps[end] for end in ends], means


def _evaluation_steps(run: RunRecord) -> tuple[int, ...]:
    return tuple(point.step for point in run.validation)


def _same_steps(arm: ArmRecord, steps: list[tuple[int, ...]]) -> list[int]:
    """Return the steps that all seeds share: all that they have, but for those that stopped early.

    The last point of such a seed may stand for fewer steps than the others' there, and is left out.
    """
    longest = max(steps, key=len)
    shared = min(len(each) for each in steps)
    if any(each[:shared] != longest[:shared] for each in steps):
        shared -= 1
    if shared < 1 or any(each[:shared] != longest[:shared] for each in steps):
        label = arm_label(arm.arm, arm.rank)
        raise StudyError(f"{label}: its seeds were measured at different steps; rerun this arm")
    return list(longest[:shared])


def _name(arm: str, rank: int | None) -> Row:
    return {"label": arm_label(arm, rank), "arm": arm, "rank": rank}


def _score(entry: Mapping[str, Any]) -> Row:
    """Return an arm's score on test, its metric in words, and its interval.

    The score stands twice: under `test_` and the metric, by which programs know what it is of, and
    as `score`, which DVC's plots read whatever the metric is.
    """
    measure = measure_of(entry)
    return {
        f"test_{measure.name}": score(entry),
        "score": score(entry),
        "metric": measure.words,
        "low": entry["low"],
        "high": entry["high"],
    }


def _is_headline(arm: str, rank: int | None, summary: Mapping[str, Any]) -> bool:
    return arm == LORA and rank == summary["headline"]["rank"]


def _dominates(other: Row, row: Row, measure: Measure) -> bool:
    """Whether `other` is better in one respect and no worse in the other."""
    fewer: int = row["trainable_parameters"] - other["trainable_parameters"]
    better = measure.merit(other["score"]) - measure.merit(row["score"])
    return fewer >= 0 and better >= 0 and (fewer > 0 or better > 0)
