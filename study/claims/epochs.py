"""Claims about how validation goes from epoch to epoch.

What the last quarter of the epochs adds is its mean less that of the quarter before: two means of
as many epochs, so that noise favours neither, as it would a best epoch.
"""

from __future__ import annotations

import numpy as np

from study.claims.advice import run as command
from study.claims.estimates import over_seeds
from study.claims.evidence import Study
from study.claims.statements import above, below
from study.claims.verdicts import CannotTell, Verdict
from study.records.runs import RunRecord
from study.words.phrases import counted, margin

MANY = 10
"""Epochs from which on they are many; the sources call one to a few the usual."""


def head_only_plateaus(study: Study) -> Verdict:
    """Head-only gains little in the second half of its epochs, and stays far below full.

    The gain is its mean validation accuracy over the last quarter of the epochs less that over the
    quarter before: two means of as many epochs, so that noise favours neither, as it would a best
    epoch. The gap is on test, from the best head alone. Both are held against the middle margin.
    """
    runs = study.head_only.picked()
    epochs = min(len(run.validation) for run in runs)
    if epochs < 4:
        raise CannotTell(
            f"the head alone was validated {counted(epochs, 'time')}, too rarely to see a plateau: "
            f"{command('head_only.epochs=30')}"
        )
    gain = over_seeds([100 * _late_gain(run, "accuracy") for run in runs], "a gain")
    gap = study.gain(study.full, study.head_alone)
    head = "head-only" if study.head_alone is study.head_only else "the linear probe"
    return study.every(
        [
            below(
                "head-only's mean validation accuracy over the last quarter of its epochs minus "
                "that over the quarter before",
                gain,
                study.similar,
                "points",
            ),
            above(f"full fine-tuning minus {head} on test", gap, study.similar, "points"),
        ],
        f"whether head-only gains less than {margin(study.similar)} late in training, and whether "
        f"{study.the_head_alone} stays more than that below full fine-tuning",
    )


def many_epochs_overfit(study: Study) -> Verdict:
    """LoRA's validation loss rises in the second half of many epochs, mean over ranks, by seed.

    The mean over the last quarter of the epochs less the quarter before; no best epoch is picked.
    """
    arms = [study.lora(rank) for rank in study.ranks]
    epochs = min(len(run.validation) for arm in arms for run in arm.picked())
    if epochs < MANY:
        raise CannotTell(
            f"{counted(epochs, 'epoch')} are not many, and of each run only the best one on "
            f"validation is kept: {command(f'train.epochs={MANY}', 'train.early_stopping=null')}"
        )
    by_seed = np.mean([[_late_gain(run, "loss") for run in arm.picked()] for arm in arms], axis=0)
    return study.every(
        [
            above(
                "LoRA's validation loss over the last quarter of the epochs minus that over the "
                "quarter before, mean over ranks",
                over_seeds(by_seed.tolist(), "the loss"),
            )
        ],
        f"whether validation loss rises late in {epochs} epochs, so that stopping early would pay",
    )


def _late_gain(run: RunRecord, what: str) -> float:
    """Return the mean of validation over the last quarter of epochs less the quarter before."""
    values = [getattr(point, what) for point in run.validation]
    quarter = len(values) // 4
    return float(np.mean(values[-quarter:]) - np.mean(values[-2 * quarter : -quarter]))
