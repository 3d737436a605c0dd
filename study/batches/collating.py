"""Padded batches as anybody's data collator makes them: what plain transformers is fed with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from study.records.prepared import Split

Inputs: TypeAlias = dict[str, Tensor]
"""What a model is called with: (sentences, longest) int64 each, by the argument's name."""


def padded(split: Split, sentences: Iterable[int], pad_token_id: int) -> Inputs:
    """Return input_ids, attention_mask and, where there are any, token_type_ids.

    Args:
        sentences: their numbers, in the order of the rows, which are padded on the right.
    """
    offsets, chosen = split.offsets.tolist(), list(sentences)

    def rows(tokens: Tensor) -> list[Tensor]:
        return [tokens[offsets[i] : offsets[i + 1]].long() for i in chosen]

    own = rows(split.input_ids)
    inputs = {
        "input_ids": pad_sequence(own, batch_first=True, padding_value=pad_token_id),
        "attention_mask": pad_sequence([torch.ones_like(row) for row in own], batch_first=True),
    }
    if split.token_types is not None:
        inputs["token_type_ids"] = pad_sequence(rows(split.token_types), batch_first=True)
    return inputs
