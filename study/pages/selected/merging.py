"""The adapter's update put into the base's weights, and the proof that the model computes the same.

Everything here is fp32 on the CPU, in batches that are padded on the right as a pipeline pads them:
so will whoever downloads the files compute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lora.adapter import Adapter, attach
from lora.merge import merge_and_eject
from study.batches.collating import padded
from study.entry.errors import StudyError
from study.pages.selected.padding import Padding, last_tokens
from study.records.prepared import Split

TOLERANCE = 1e-4
"""Of the largest logit (or of 1): how far merged and unmerged logits may lie apart in fp32."""
MEASURED_TOLERANCE = 1e-3
"""Likewise, of logits that training's own way of computing gives and a padded batch."""
CHECKED = 256
"""Of the test sentences, how many the logits are compared on."""

_SENTENCES_AT_ONCE = 32
_TOKENS_AT_ONCE = 4096


@dataclass(frozen=True)
class Checked:
    """What was compared.

    Attributes:
        sentences: on which base with adapter and merged model were compared.
        difference: the largest between two logits.
        predictions: of the merged model on every sentence, (n,): classes, or numbers.
    """

    sentences: int
    difference: float
    predictions: Tensor


def merge_checked(
    model: PreTrainedModel, adapter: Adapter, split: Split, padding: Padding, measured: Tensor
) -> Checked:
    """Merge an adapter into a plain model, and classify with it before and after.

    Args:
        model: changed in place; its config knows the padding token.
        split: all its sentences are classified with the merged model.
        padding: of a batch.
        measured: logits of the split's first sentences as training computes them, (few, classes);
            these are classified before merging too.

    Raises:
        StudyError: the padded batch gives other logits than training, or the merged model does.
    """
    few = len(measured)
    attach(model, adapter)
    before = logits(model, split, few, padding.token_id)
    apart = float((before - measured).abs().max())
    allowed = MEASURED_TOLERANCE * max(1.0, float(measured.abs().max()))
    if not apart <= allowed:
        raise StudyError(_padded_otherwise(apart, allowed, split, padding))
    merge_and_eject(model)
    after = logits(model, split, len(split), padding.token_id)
    difference = float((after[:few] - before).abs().max())
    allowed = TOLERANCE * max(1.0, float(before.abs().max()))
    if not difference <= allowed:
        raise StudyError(
            f"data/selected: merged and unmerged logits differ by {difference:g}; "
            f"allowed: {allowed:g}"
        )
    predictions = after[:, 0] if after.shape[1] == 1 else after.argmax(1)
    return Checked(few, difference, predictions)


def _padded_otherwise(apart: float, allowed: float, split: Split, padding: Padding) -> str:
    """Say what does not agree, and why if it is the padding token."""
    ends = int((last_tokens(split.input_ids, split.lengths) == padding.token_id).sum())
    why = (
        f"{ends} of {len(split)} sentences end with the padding token {padding.token!r}, which "
        "transformers does not take for their end; a base whose tokenizer pads with another token "
        "is needed"
        if ends
        else "the model computes otherwise there"
    )
    return (
        f"data/selected: in a padded batch of plain transformers logits differ by {apart:g} from "
        f"what training measured; allowed: {allowed:g}: {why}. Training again does not help"
    )


@torch.no_grad()
def logits(model: PreTrainedModel, split: Split, count: int, pad_token_id: int) -> Tensor:
    """Return the logits (count, classes) of a split's first sentences, in order, in padded batches.

    Args:
        pad_token_id: as in the model's config, where that has one.
    """
    result = torch.empty(count, model.config.num_labels)
    for start, stop in _batches(split.lengths[:count].tolist()):
        inputs = padded(split, range(start, stop), pad_token_id)
        result[start:stop] = model(**inputs).logits.float()
    return result


def _batches(lengths: list[int]) -> Iterator[tuple[int, int]]:
    """Cut sentences, as they come, into parts that are not large when padded: first, one past."""
    start = longest = 0
    for i, length in enumerate(lengths):
        longest = max(longest, length)
        size = i + 1 - start
        if size > 1 and (size > _SENTENCES_AT_ONCE or size * longest > _TOKENS_AT_ONCE):
            yield start, i
            start, longest = i, length
    if lengths:
        yield start, len(lengths)
