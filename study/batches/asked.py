"""Which tokens of a batch of pairs predict a response token: others are asked for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from study.batches.tree_layout import TreeLayout


class Responses(NamedTuple):
    """Where the T response tokens of a batch stand, pair after pair.

    Attributes:
        predictors: (T,) int64, the place of the token before each, in R * N.
        targets: (T,) int64, their ids.
        pairs: (T,) int64, which of the R * B pairs each belongs to.
    """

    predictors: Tensor
    targets: Tensor
    pairs: Tensor


@dataclass(frozen=True)
class Asked:
    """What a batch is asked: nobody reads the last layer's output of other tokens.

    Attributes:
        responses: of all pairs.
        rows: (R * M,) int64, M tokens of each run, those that predict and padding behind them.
        real: (K,) int64, which of those are no padding.
        layout: of their queries.
    """

    responses: Responses
    rows: Tensor
    real: Tensor
    layout: TreeLayout

    def to(self, device: torch.device) -> Asked:
        """Return it on a device."""
        responses = Responses(*(part.to(device, non_blocking=True) for part in self.responses))
        rows, real = (part.to(device, non_blocking=True) for part in (self.rows, self.real))
        return Asked(responses, rows, real, self.layout.to(device))
