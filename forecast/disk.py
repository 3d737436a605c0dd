"""What stages leave on the disk, counted from the numbers that they write.

What stands under data/ is kept twice, in the workspace and in DVC's cache, unless the file system
can share the two or `cache.type` says so; results are in git.
"""

from __future__ import annotations

from forecast.measured import Measured
from forecast.plan import Training
from study.records.arm_names import FULL
from study.records.prepared import Prepared

FP32 = 4
COPIES = 2  # of what is under data/


def trained(training: Training, measured: Measured, data: Prepared) -> int:
    """Return the bytes of a training stage's models, logits and record."""
    numbers = measured.total if training.arm == FULL else measured.trainable
    models = COPIES * FP32 * numbers * training.saved
    seeds = max(1, training.saved) if training.saved else training.runs
    logits = FP32 * data.num_labels * (len(data.validation) + len(data.test)) * seeds
    return models + logits + record(training, data)


def record(training: Training, data: Prepared) -> int:
    """Return about the bytes of metrics/runs/: labels once, and a prediction a run and sentence."""
    each = 3 if data.label_names else 20  # characters of a class, or of a number, with its comma
    return (training.runs + 1) * each * len(data.test)


def checkpoints(training: Training, measured: Measured) -> int:
    """Return the bytes that stand under checkpoints/ until the stage has written its outputs."""
    return FP32 * measured.trainable * training.runs


def prepared(data: Prepared) -> int:
    """Return the bytes of data/prepared/."""
    return COPIES * sum(
        tensor.numel() * tensor.element_size()
        for split in (data.train, data.validation, data.test)
        for tensor in split.tensors().values()
    )
