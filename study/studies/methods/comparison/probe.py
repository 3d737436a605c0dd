"""The linear probe's row: the best that a head alone does on the frozen encoder's states.

It is no method of this pipeline, and stands apart from the rows of `methods`: the main study fits
it, without seeds and without a learning rate.

state, c                the kind of states that validation picked; the inverse of the penalty
base_bytes              of the encoder while it gives the states, as head only's
all others              as in the rows of methods, counted by `study.analyses.cost.probe`.
                        Differences are paired with every seed of the other arm
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from study.analyses.cost.passes import longest
from study.analyses.cost.probe import probe_cost
from study.probes.record import LinearProbe
from study.records.arm_names import FULL
from study.records.prepared import Prepared
from study.records.runs import ArmRecord
from study.studies.methods.comparison.names import label
from study.studies.methods.comparison.quality import difference

if TYPE_CHECKING:
    from study.studies.methods.settings import MethodsStudy


def probe_row(
    probe: LinearProbe,
    records: Mapping[str, ArmRecord],
    settings: MethodsStudy,
    data: Prepared,
    base_bytes: int,
) -> dict[str, Any]:
    """Return the `linear_probe` of the comparison.

    Args:
        records: of the arms that it is compared with, full fine-tuning among them; plain LoRA
            where it was trained.
    """
    confidence = settings.statistics.confidence
    lengths: Tensor = data.train.lengths.double()
    row: dict[str, Any] = {"name": probe.arm, "label": label(probe.arm)}
    row |= {"state": probe.state, "c": probe.c, "base_bytes": base_bytes}
    passes = longest(lengths, settings.train.batch_size, data.batching)
    row |= probe_cost(probe, settings.model.name, lengths, passes, confidence)
    for key, other in (("to_full", FULL), ("to_lora", "lora")):
        known = other in records
        row[key] = difference(probe, records[other], confidence) if known else None
    return row
