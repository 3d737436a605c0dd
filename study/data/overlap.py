"""Which tokenised sentences of one split stand in others."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from study.records.prepared import Split


def standing_in(split: Split, others: Iterable[Split]) -> Tensor:
    """Return for every sentence (n,) bool whether one of the others holds the same tokens."""
    seen = {row for other in others for row in _rows(other)}
    return torch.tensor([row in seen for row in _rows(split)])


def _rows(split: Split) -> list[tuple[int, ...]]:
    return [tuple(ids.tolist()) for ids in split.input_ids.split(split.lengths.tolist())]
