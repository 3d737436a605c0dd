"""The adapter's update put into the base's weights, and the proof that the model computes the same.

Everything here is fp32 on the CPU, where whoever downloads the files will find it again.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lora.adapter import Adapter, attach
from lora.merge import merge_and_eject
from study.entry.errors import StudyError
from study.records.prepared import Split

TOLERANCE = 1e-4
"""Of the largest logit (or of 1): how far merged and unmerged logits may lie apart in fp32."""

_CHECKED = 256
_TOKENS_AT_ONCE = 4096


@dataclass(frozen=True)
class Checked:
    """What was compared.

    Attributes:
        sentences: on which base with adapter and merged model were compared.
        difference: the largest between two logits.
        predictions: of the merged model on every sentence, (n,).
    """

    sentences: int
    difference: float
    predictions: Tensor


def merge_checked(model: PreTrainedModel, adapter: Adapter, split: Split) -> Checked:
    """Merge an adapter into a plain model, and classify with it before and after.

    Args:
        model: changed in place.
        split: of which the first 256 sentences are classified both ways, and all of them merged.

    Raises:
        StudyError: the merged model's logits are other ones.
    """
    few = min(_CHECKED, len(split))
    attach(model, adapter)
    before = logits(model, split, few)
    merge_and_eject(model)
    after = logits(model, split, few)
    difference = float((after - before).abs().max())
    allowed = TOLERANCE * max(1.0, float(before.abs().max()))
    if not difference <= allowed:
        raise StudyError(
            f"data/selected: merged and unmerged logits differ by {difference:g}; "
            f"allowed: {allowed:g}"
        )
    return Checked(few, difference, logits(model, split, len(split)).argmax(1))


@torch.no_grad()
def logits(model: PreTrainedModel, split: Split, count: int) -> Tensor:
    """Return the logits (count, classes) of a split's first sentences.

    Sentences of one length go through together, so that none is padded: models without a padding
    token (GPT-2) are served like the others.
    """
    padding, model.config.pad_token_id = model.config.pad_token_id, -1  # no id of any token
    offsets, lengths = split.offsets.tolist(), split.lengths[:count]
    result = torch.empty(count, model.config.num_labels)
    try:
        for length in lengths.unique().tolist():
            same = (lengths == length).nonzero().flatten()
            for rows in same.split(max(1, _TOKENS_AT_ONCE // length)):
                ids = torch.stack(
                    [split.input_ids[offsets[i] : offsets[i] + length] for i in rows.tolist()]
                ).long()
                result[rows] = model(ids, attention_mask=torch.ones_like(ids)).logits.float()
    finally:
        model.config.pad_token_id = padding
    return result
