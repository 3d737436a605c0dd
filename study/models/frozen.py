"""Products with a weight that does not change from step to step.

In bf16 on a CPU a matrix product first lays the weight out as its kernel likes it, on every call.
oneDNN can keep that layout, and it can add the bias and a second tensor while it writes the result;
torch reaches this through the operations that its own compiler uses when it freezes a model. Where
they are not there (other dtypes, other devices, other builds) the ordinary product is taken. For
the default model's layers a product went from 0.110 to 0.080 ms (384 to 384 features) and from 0.48
to 0.31 ms (384 to 1536), 27 to 35 % less (benchmarks/README.md).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

OFFLOADED = "offloaded"  # on a weight that stays where it is; see study/models/offload.py


def fetch(weight: Tensor, device: torch.device) -> Tensor:
    """Return the weight on a device: itself, or a copy that lives as long as it is used."""
    return weight.to(device, non_blocking=True)


class FrozenWeight:
    """x W^T + b and its backward's g W for one W (out, in), as it was when this was made."""

    def __init__(self, weight: Tensor) -> None:
        self._weight = weight
        self._was = _state(weight)
        self._packed: tuple[Tensor, Tensor] | None = None
        if can_pack(weight):
            pack = torch.ops.mkldnn._reorder_linear_weight
            plain = weight.detach()
            self._packed = (pack(plain), pack(plain.t().contiguous()))

    def is_of(self, weight: Tensor) -> bool:
        """Tell whether this was made of this tensor, which has not changed since."""
        return weight is self._weight and _state(weight) == self._was

    def product(self, x: Tensor, bias: Tensor | None, other: Tensor | None = None) -> Tensor:
        """Return x W^T + bias + other, (rows, out), for x (rows, in)."""
        if self._packed is not None:
            return _packed_product(x, self._packed[0], bias, other)
        y = F.linear(x, fetch(self._weight, x.device), bias)
        return y if other is None else y.add_(other)

    def product_back(self, grad: Tensor, other: Tensor | None = None) -> Tensor:
        """Return grad W + other, (rows, in), for grad (rows, out)."""
        if self._packed is not None:
            return _packed_product(grad, self._packed[1], None, other)
        weight = fetch(self._weight, grad.device)
        return grad @ weight if other is None else torch.addmm(other, grad, weight)


class FrozenLinear:
    """Makes the `FrozenWeight` of a layer again only when the layer's weight has changed."""

    def __init__(self) -> None:
        self._held: FrozenWeight | None = None

    def hold(self, weight: Tensor) -> FrozenWeight:
        """Return what multiplies by this weight (out, in) as it is now."""
        if self._held is None or not self._held.is_of(weight):
            self._held = FrozenWeight(weight)
        return self._held


def _state(weight: Tensor) -> tuple[int, int, torch.dtype]:
    return weight._version, weight.data_ptr(), weight.dtype


def can_pack(weight: Tensor) -> bool:
    """Tell whether oneDNN can hold this weight in a layout of its own."""
    return (
        weight.dtype == torch.bfloat16
        and weight.device.type == "cpu"
        and not hasattr(weight, OFFLOADED)
        and torch.backends.mkldnn.is_available()
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def _packed_product(x: Tensor, packed: Tensor, bias: Tensor | None, other: Tensor | None) -> Tensor:
    linear = torch.ops.mkldnn._linear_pointwise
    if other is None:
        plain: Tensor = linear(x, packed, bias, "none", [], "")
        return plain
    added: Tensor = linear.binary(x, other, packed, bias, "add")
    return added
