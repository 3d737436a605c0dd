"""Claims about how training goes, tested on the runs' loss and validation curves, paired by seed.

The loss of training is its mean over the same steps; every difference has Student's t interval over
the seeds, so that one seed tells nothing here.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.stats import f as fisher

from study.analyses.results.sweep import seed_merits
from study.claims.advice import run as command
from study.claims.estimates import Estimate, over_seeds
from study.claims.evidence import Study
from study.claims.rates import unequal
from study.claims.statements import Statement, above, below
from study.claims.trends import falls
from study.claims.verdicts import FAILS, HOLDS, UNTOLD, CannotTell, Verdict, exactly
from study.records.runs import ArmRecord, RunRecord
from study.words.arms import arm_label
from study.words.phrases import counted, margin


def full_learns_fastest(study: Study) -> Verdict:
    """Full fine-tuning's training loss is lower than any other arm's over the same steps."""
    others = [study.head_only, *(study.lora(rank) for rank in study.ranks)]
    return study.every(
        [
            above(
                f"{arm_label(arm.arm, arm.rank)} minus full fine-tuning", _slower(arm, study.full)
            )
            for arm in others
        ],
        "whether every other arm has a higher mean training loss than full fine-tuning, over the "
        f"steps of both{unequal(study)}",
    )


def large_ranks_learn_faster(study: Study) -> Verdict:
    """Mean training loss falls with the rank: Page's trend test over all ranks, seeds as blocks.

    Holds if there is a fall, refuted if there is a rise, each at half of alpha.
    """
    ranks, losses = study.several_ranks(), training_losses(study)
    verdict, numbers = falls(losses, study.alpha)
    by_rank = zip(ranks, losses, strict=True)
    return Verdict(
        verdict,
        f"whether the mean training loss of all steps falls over {len(ranks)} ranks (Page's trend "
        f"test within each seed; a p value up to {study.alpha / 2:g} shows it)",
        numbers
        | {
            "loss": ", ".join(f"rank {rank}: {np.mean(loss):.3f}" for rank, loss in by_rank),
        },
    )


def training_losses(study: Study) -> list[list[float]]:
    """Return the mean training loss over the steps that all LoRA runs took, (ranks, seeds)."""
    arms = [study.lora(rank) for rank in study.ranks]
    last = min(run.loss_steps[-1] for arm in arms for run in arm.picked())
    return [[_mean_loss(run, 0, last) for run in arm.picked()] for arm in arms]


def capacity_not_overfitting(study: Study) -> Verdict:
    """The largest rank ends at a lower training loss, and is not much worse on test than any."""
    *smaller, largest = study.several_ranks()
    saved = over_seeds(
        _differences(study.lora(smaller[0]), study.lora(largest), _last_quarter), "the loss"
    )
    fits: Statement = above(
        f"training loss in the last quarter of the steps, rank {smaller[0]} minus rank {largest}",
        saved,
    )
    losses_at_top = [
        below(
            f"{study.on_test} of rank {rank} minus rank {largest}",
            study.gain(study.lora(rank), study.lora(largest)),
            study.similar,
            "points",
        )
        for rank in smaller
    ]
    return study.every(
        [fits, *losses_at_top],
        f"whether rank {largest} ends at a lower training loss than rank {smaller[0]}, and is less "
        f"than {margin(study.similar)} behind every smaller rank in {study.on_test}",
    )


def lora_is_stable(study: Study) -> Verdict:
    """No LoRA run diverged or fell back, of those that the study made.

    In every run the training loss is lower in the last quarter of the steps than in the first, and
    in the second half no noted value is as high as ln(classes), the loss of guessing.
    """
    runs = [(rank, run) for rank in study.ranks for run in study.lora(rank).picked()]
    if any(len(run.loss_steps) < 4 for _, run in runs):
        raise CannotTell(
            "the training loss was noted at fewer than four steps: more `train.epochs`"
        )
    if not study.full.label_names:
        raise CannotTell("not defined for regression: there is no loss of guessing among classes")
    guessing = math.log(len(study.full.label_names))
    ratio = max(_last_quarter(run) / _first_quarter(run) for _, run in runs)
    highest = [_highest_late(run) for _, run in runs]
    fell_back = [late >= guessing for late in highest]
    return Verdict(
        exactly(ratio < 1 and not any(fell_back)),
        f"two things of {counted(len(runs), 'run')}. The training loss in the last quarter of the "
        "steps as a multiple of that in the first: the worst is to be below 1. And the highest "
        "loss noted in the second half: it is to be below that of guessing",
        {
            "worst_ratio": ratio,
            "highest_late": max(highest),
            "guessing": guessing,
            "fell_back": sum(fell_back),
        },
    )


def large_ranks_vary_more(study: Study) -> Verdict:
    """The largest rank's test accuracy varies more over seeds than the smallest's.

    By the ratio of the two variances and its F interval, which takes them for independent samples
    of normal distributions (the seeds are shared, which makes the interval too wide if anything).
    """
    smallest, *_, largest = study.several_ranks()
    low, high = (100 * np.array(seed_merits(study.lora(r))) for r in (smallest, largest))
    if len(low) < 2:
        more = command("seeds=[0,1,2,3,4,5,6,7,8,9]")
        raise CannotTell(f"one seed does not tell how {study.measured} varies over seeds: {more}")
    variances = float(np.var(low, ddof=1)), float(np.var(high, ddof=1))
    if min(variances) == 0:
        raise CannotTell("seeds of one of the two ranks agree exactly, so there is no ratio")
    ratio, degrees = variances[1] / variances[0], len(low) - 1
    quantile = float(fisher.isf(study.alpha / 2, degrees, degrees))
    verdict = HOLDS if ratio / quantile > 1 else FAILS if ratio * quantile < 1 else UNTOLD
    few = f". With {counted(len(low), 'seed')} only a ratio beyond {quantile:.3g} would settle it"
    return Verdict(
        verdict,
        f"how much {study.on_test} varies over seeds (standard deviation, in points) at rank "
        f"{smallest} and {largest}, and the ratio of the variances with its interval (F)"
        + (f"{few} (more `seeds`)" if verdict == UNTOLD else ""),
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


def _highest_late(run: RunRecord) -> float:
    noted = zip(run.loss_steps, run.loss_values, strict=True)
    return max(value for step, value in noted if step > run.loss_steps[-1] / 2)


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
