"""Whether a layer of a class of its own computes what `torch.nn.Linear` does, found by trying.

Falcon's layers are such: x W^T + b in two operations. Others derive from `nn.Linear` too and
multiply by something else (a quantised weight), add a part, or route tokens.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

_IN, _OUT = 3, 4
_SHAPES = ((2, _IN), (2, 5, _IN))
_TOLERANCE = 1e-6  # of numbers of the order of one, in fp32


def is_plain(layer: nn.Linear) -> bool:
    """Tell whether a layer gives x W^T + b of the weight and bias that it holds, and its gradient.

    A small stand-in of its class is tried, in training and in evaluation, so that neither the
    layer's size matters nor whether it is on the meta device. torch's own subclasses count as
    others: `nn.MultiheadAttention` reads the weight of its own and never calls it.
    """
    kind = type(layer)
    parts = layer._parameters.keys() | layer._buffers.keys() | layer._modules.keys()
    if kind.__module__.startswith("torch.") or parts != {"weight", "bias"}:
        return False
    draw = torch.Generator().manual_seed(0)
    weight = torch.randn(_OUT, _IN, generator=draw)
    bias = None if layer.bias is None else torch.randn(_OUT, generator=draw)
    stand_in = kind.__new__(kind)
    vars(stand_in).update(vars(layer))
    vars(stand_in)["_parameters"] = {
        "weight": nn.Parameter(weight, requires_grad=False),
        "bias": None if bias is None else nn.Parameter(bias, requires_grad=False),
    }
    stand_in.in_features, stand_in.out_features = _IN, _OUT
    for training in (False, True):
        stand_in.training = training
        for shape in _SHAPES:
            x = torch.randn(*shape, generator=draw).requires_grad_()
            try:
                with torch.enable_grad():
                    y = stand_in.forward(x)
                    (back,) = torch.autograd.grad(y.sum(), x)
            except Exception:  # of a class that nobody knows: whatever it is, it is no product
                return False
            if not (_alike(y.detach(), F.linear(x.detach(), weight, bias))):
                return False
            if not _alike(back, weight.sum(0).expand(*shape)):
                return False
    return True


def _alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=0, atol=_TOLERANCE)
