"""Whether an adapter can be merged: the same outputs, and the way back to the bit."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lora.adapter import Adapter, attach
from lora.inject import adapted_modules, eject
from lora.merge import merged
from study.batches.collating import Inputs
from study.entry.errors import StudyError

TOLERANCE = 1e-4
"""Of an fp32 logit, relative to the largest one (or to 1): fp32's own rounding is 1e-7 a sum."""


@dataclass(frozen=True)
class Merging:
    """What merging did to the logits of one batch.

    Attributes:
        difference: largest absolute difference between merged and unmerged logits, relative to the
            largest unmerged one, or to 1 where all are smaller.
        changed: largest absolute difference that the adapter makes to the base's logits at all.
    """

    difference: float
    changed: float


@torch.no_grad()
def check_merging(model: PreTrainedModel, adapter: Adapter, inputs: Inputs, where: str) -> Merging:
    """Put an adapter into a plain fp32 model, merge it, unmerge it, and take it out again.

    Afterwards the model is as before, but for its head, which is the adapter's.

    Args:
        where: names the adapter in an error.

    Raises:
        StudyError: merged and unmerged logits differ by more than `TOLERANCE`, or the base's
            weights after unmerging are not those from before, bit for bit.
    """
    attach(model, adapter)
    try:
        weights = {name: layer.base.weight for name, layer in adapted_modules(model).items()}
        before = {name: weight.clone() for name, weight in weights.items()}
        unmerged = _logits(model, inputs)
        with merged(model):
            together = _logits(model, inputs)
        lost = [name for name, weight in weights.items() if not _same_bits(weight, before[name])]
    finally:
        eject(model)
    base = _logits(model, inputs)
    scale = max(1.0, float(unmerged.abs().max()))
    found = Merging(
        difference=float((together - unmerged).abs().max()) / scale,
        changed=float((unmerged - base).abs().max()),
    )
    if lost:
        raise StudyError(f"{where}: unmerging did not restore the weights of {', '.join(lost)}")
    if not found.difference <= TOLERANCE:  # nan too
        raise StudyError(
            f"{where}: merged and unmerged logits differ by {found.difference:.3g} of the largest; "
            f"allowed: {TOLERANCE:g}"
        )
    return found


def _logits(model: PreTrainedModel, inputs: Inputs) -> Tensor:
    logits: Tensor = model(**inputs).logits.double()
    return logits


def _same_bits(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.view(torch.uint8), other.view(torch.uint8))
