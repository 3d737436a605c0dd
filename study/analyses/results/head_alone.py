"""The best that a head alone does on the frozen encoder: what LoRA and full fine-tuning add to.

The model's own head reads one kind of states, and may read the wrong ones: a model that was trained
to be mean-pooled has nothing for sentences in its first token. So a linear probe on each kind of
states (`study.probes`) stands beside it, and validation picks. What is said of "the head alone" is
said of the one that it picks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from study.metrics.measure import measure_named
from study.records.runs import ArmRecord

if TYPE_CHECKING:
    from study.probes.record import LinearProbe

HeadAlone: TypeAlias = "ArmRecord | LinearProbe"


def head_alone(head_only: ArmRecord, probe: LinearProbe) -> HeadAlone:
    """Return the one of the two that is better on validation; of equals the trained head."""
    merit = measure_named(head_only.metric).merit
    return (
        probe if merit(probe.validation_score) > merit(validation_score(head_only)) else head_only
    )


def validation_score(arm: ArmRecord) -> float:
    """Return the metric of an arm on validation, mean over seeds, each at its best epoch."""
    return float(np.mean([run.validation_score for run in arm.picked()]))
