"""Whether an arm was still learning when its training ended, as far as its losses tell."""

from __future__ import annotations

from statistics import fmean
from typing import Any, cast

from study.analyses.undertraining.curve import curve
from study.analyses.undertraining.signs import FALLING
from study.studies.instruct.answers.compare import nats
from study.studies.instruct.training.records import TunedRecord


def still_learning(record: TunedRecord, before: float, margin: float) -> bool:
    """Whether more training would probably lower the loss of an arm.

    After several epochs: whether the last one lowered the validation loss, in the mean over seeds,
    by more than a margin. After one: the main study's sign, whether a quarter of all that was
    learned came in the last quarter of the steps.

    Args:
        before: the base's loss on validation, in nats.
        margin: in per cent of perplexity.
    """
    runs = record.picked()
    if all(len(run.validation) > 1 for run in runs):
        falls = [run.validation[-2].loss - run.validation[-1].loss for run in runs]
        return fmean(falls) > nats(margin)
    # Of the record it reads the runs' losses alone, which stand here as in the main study's.
    return curve(cast(Any, record), before).falling > FALLING
