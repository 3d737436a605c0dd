"""Claims about how training goes, tested on the runs' loss and validation curves, paired by seed.

The loss of training is its mean over the same steps; every difference has Student's t interval over
the seeds, so that one seed tells nothing here.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.stats import f as fisher

from study.claims.evidence import Study
from study.claims.verdicts import (
    FAILS,
    HOLDS,
    UNTOLD,
    CannotTell,
    Estimate,
    Verdict,
    every,
    exactly,
    over_seeds,
)
from study.labels import arm_label
from study.records import ArmRecord, RunRecord
from study.results import seed_accuracies
from study.words import margin


def head_only_plateaus(study: Study) -> Verdict:
    """Head-only hardly gains after half of its epochs, and stays far below full fine-tuning.

    In points on validation, held against the middle margin: its best epoch less the best of the
    first half, and full fine-tuning's best less its own.
    """
    runs = study.head_only.picked()
    if len(runs[0].validation) < 3:
        raise CannotTell("head-only was validated too rarely to see a plateau")
    late = []
    for run in runs:
        early = run.validation[: (len(run.validation) + 1) // 2]
        late.append(100 * (run.validation_accuracy - max(point.accuracy for point in early)))
    pairs = zip(study.full.picked(), runs, strict=True)
    behind = [100 * (full.validation_accuracy - own.validation_accuracy) for full, own in pairs]
    gain, below = over_seeds(late, "a gain"), over_seeds(behind, "a gap")
    return Verdict(
        every([gain.below(study.similar), below.above(study.similar)], study.alpha),
        "points that head-only gains on validation after half of its epochs, and that it stays "
        f"below full fine-tuning, each held against {margin(study.similar)}",
        study.numbers(gain, "late_gain") | study.numbers(below, "below_full"),
    )


def full_learns_fastest(study: Study) -> Verdict:
    """Full fine-tuning's training loss is lower than any other arm's over the same steps."""
    others = [study.head_only, *(study.lora(rank) for rank in study.ranks)]
    ahead = [_slower(other, study.full) for other in others]
    least = min(range(len(ahead)), key=lambda i: ahead[i].value)
    return Verdict(
        every(ahead, study.alpha),
        "mean training loss of each other arm less full fine-tuning's, over its steps; least for "
        f"{arm_label(others[least].arm, others[least].rank)}",
        study.numbers(ahead[least], "ahead"),
    )


def large_ranks_learn_faster(study: Study) -> Verdict:
    """The largest rank's mean training loss is lower than the smallest's over the same steps."""
    smallest, *_, largest = study.several_ranks()
    ahead = _slower(study.lora(smallest), study.lora(largest))
    return Verdict(
        every([ahead], study.alpha),
        f"mean training loss of rank {smallest} less that of rank {largest}, over all steps",
        study.numbers(ahead, "ahead"),
    )


def capacity_not_overfitting(study: Study) -> Verdict:
    """The largest rank ends at a lower training loss, and is not much worse on test than any."""
    *smaller, largest = study.several_ranks()
    loss = over_seeds(
        _differences(study.lora(smaller[0]), study.lora(largest), _last_quarter), "the loss"
    )
    falls = [study.gain(study.lora(rank), study.lora(largest)) for rank in smaller]
    worst = max(falls, key=lambda fall: fall.value)
    return Verdict(
        every([loss, *(fall.below(study.similar) for fall in falls)], study.alpha),
        f"training loss in the last quarter of rank {smaller[0]} less that of rank {largest}; "
        f"largest fall of test accuracy to rank {largest}, held against {margin(study.similar)}",
        study.numbers(loss, "loss_saved") | study.numbers(worst, "fall"),
    )


def lora_is_stable(study: Study) -> Verdict:
    """Every LoRA run's training loss is lower in its last quarter of steps than in its first."""
    runs = [run for rank in study.ranks for run in study.lora(rank).picked()]
    if any(len(run.loss_steps) < 4 for run in runs):
        raise CannotTell("the training loss was noted at fewer than four steps")
    ratios = [_last_quarter(run) / _first_quarter(run) for run in runs]
    return Verdict(
        exactly(max(ratios) < 1),
        f"training loss of the last quarter over that of the first, the worst of {len(runs)} runs",
        {"worst_ratio": max(ratios), "runs": len(runs)},
    )


def large_ranks_vary_more(study: Study) -> Verdict:
    """The largest rank's test accuracy varies more over seeds than the smallest's.

    By the ratio of the two variances and its F interval, which takes them for independent samples
    of normal distributions (the seeds are shared, which makes the interval too wide if anything).
    """
    smallest, *_, largest = study.several_ranks()
    low, high = (100 * np.array(seed_accuracies(study.lora(r))) for r in (smallest, largest))
    if len(low) < 2:
        raise CannotTell("one seed does not tell how accuracy varies over seeds")
    variances = float(np.var(low, ddof=1)), float(np.var(high, ddof=1))
    if min(variances) == 0:
        raise CannotTell("seeds of one of the two ranks agree exactly, so there is no ratio")
    ratio, degrees = variances[1] / variances[0], len(low) - 1
    quantile = float(fisher.isf(study.alpha / 2, degrees, degrees))
    return Verdict(
        HOLDS if ratio / quantile > 1 else FAILS if ratio * quantile < 1 else UNTOLD,
        f"standard deviation over seeds in points at rank {smallest} and {largest}; ratio of the "
        "variances with its F interval",
        {
            "sd_smallest": math.sqrt(variances[0]),
            "sd_largest": math.sqrt(variances[1]),
            "ratio": ratio,
            "ratio_low": ratio / quantile,
            "ratio_high": ratio * quantile,
        },
    )


def _slower(arm: ArmRecord, than: ArmRecord) -> Estimate:
    """Return the mean training loss of one arm less another's, over the steps that both took."""
    last = min(run.loss_steps[-1] for run in (*arm.picked(), *than.picked()))
    return over_seeds(_differences(arm, than, lambda run: _mean_loss(run, 0, last)), "the loss")


def _differences(
    first: ArmRecord, second: ArmRecord, of: Callable[[RunRecord], float]
) -> list[float]:
    pairs = zip(first.picked(), second.picked(), strict=True)
    return [of(one) - of(other) for one, other in pairs]


def _first_quarter(run: RunRecord) -> float:
    return _mean_loss(run, 0, run.loss_steps[-1] / 4)


def _last_quarter(run: RunRecord) -> float:
    return _mean_loss(run, run.loss_steps[-1] * 3 / 4, run.loss_steps[-1])


def _mean_loss(run: RunRecord, start: float, end: float) -> float:
    """Return the mean training loss over the steps after `start` up to `end`.

    A noted value is the mean since the step noted before; one that reaches beyond an end counts
    with the part that lies inside.
    """
    ends = np.array(run.loss_steps, dtype=float)
    starts = np.append(0.0, ends[:-1])
    inside = np.clip(np.minimum(ends, end) - np.maximum(starts, start), 0.0, None)
    return float(inside @ np.array(run.loss_values) / inside.sum())
