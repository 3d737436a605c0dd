"""A linear layer of a head, with one weight a run."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RunLinear(nn.Module):
    """One fp32 linear layer a run: (R * n, in) or (R * n, 1, in), run-major, to the same with out.

    Attributes:
        weight: (R, out, in).
        bias: (R, out), or None.
        active_run: the one run that all of the input belongs to; None: it has rows of every run.
    """

    def __init__(self, runs: int, in_features: int, out_features: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(runs, out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(runs, out_features)) if bias else None
        self.active_run: int | None = None

    def forward(self, x: Tensor) -> Tensor:
        weight: Tensor = self.weight
        bias: Tensor | None = self.bias
        if self.active_run is not None:
            own = slice(self.active_run, self.active_run + 1)
            weight, bias = weight[own], None if bias is None else bias[own]
        runs, out_features, in_features = weight.shape
        by_run = x.reshape(runs, -1, in_features).to(weight.dtype)
        y = torch.bmm(by_run, weight.transpose(1, 2))
        if bias is not None:
            y = y + bias.unsqueeze(1)
        return y.view(*x.shape[:-1], out_features)
