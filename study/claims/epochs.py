"""Claims about how validation goes from epoch to epoch.

What the last quarter of the epochs adds is its mean less that of the quarter before: two means of
as many epochs, so that noise favours neither, as it would a best epoch.

The epochs are those that every run of the claim took. Runs that stopped early took fewer, and their
own last quarters lie elsewhere: an interval over seeds is one of the same thing measured again, at
the same steps of the same schedule, and a quarter that ends where a run stopped for not getting
better would show what the rule of stopping put there.
"""

from __future__ import annotations

from collections.abc import Sequence

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

    The gain is its mean validation score over the last quarter of the epochs that all its runs
    took less that over the quarter before. The gap is on test, from the best head alone. Both are
    held against the middle margin.
    """
    runs = study.head_only.picked()
    epochs = min(len(run.validation) for run in runs)
    if epochs < 4:
        raise CannotTell(
            f"the head alone was validated {counted(epochs, 'time')}, too rarely to see a plateau: "
            f"{command('head_only.epochs=30')}"
        )
    late = [study.merit(_late_gain(run, "score", epochs)) for run in runs]
    gain = over_seeds([100 * merit for merit in late], "a gain")
    gap = study.gain(study.full, study.head_alone)
    head = "head-only" if study.head_alone is study.head_only else "the linear probe"
    return study.every(
        [
            below(
                f"head-only's mean validation {study.measured} over the last quarter of "
                f"{_named(runs, epochs)} minus that over the quarter before",
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

    The mean over the last quarter of the epochs that all runs took less the quarter before; no best
    epoch is picked.
    """
    arms = [study.lora(rank) for rank in study.ranks]
    runs = [run for arm in arms for run in arm.picked()]
    epochs = min(len(run.validation) for run in runs)
    if epochs < MANY:
        raise CannotTell(
            f"{counted(epochs, 'epoch')} are not many, and of each run only the best one on "
            f"validation is kept: {command(f'train.epochs={MANY}', 'train.early_stopping=null')}"
        )
    by_seed = np.mean(
        [[_late_gain(run, "loss", epochs) for run in arm.picked()] for arm in arms], axis=0
    )
    return study.every(
        [
            above(
                f"LoRA's validation loss over the last quarter of {_named(runs, epochs)} minus "
                "that over the quarter before, mean over ranks",
                over_seeds(by_seed.tolist(), "the loss"),
            )
        ],
        f"whether validation loss rises late in {epochs} epochs, so that stopping early would pay",
    )


def _named(runs: Sequence[RunRecord], epochs: int) -> str:
    """Name the epochs that all runs took, with their number where some took more."""
    if all(len(run.validation) == epochs for run in runs):
        return "the epochs"
    return f"the {counted(epochs, 'epoch')} that every run took"


def _late_gain(run: RunRecord, what: str, epochs: int) -> float:
    """Return the mean of validation over the last quarter of epochs less the quarter before.

    Args:
        epochs: of the run that are looked at, the first so many, the same in all that are compared.
    """
    values = [getattr(point, what) for point in run.validation[:epochs]]
    quarter = epochs // 4
    return float(np.mean(values[-quarter:]) - np.mean(values[-2 * quarter : -quarter]))
