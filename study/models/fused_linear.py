"""One linear layer inside a fused step: frozen, trained, or with low-rank factors of many runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.models.dropout import drawing
from study.models.frozen import FrozenLinear, FrozenWeight

TENSORS = 4  # that `FusedLinear.read` hands to autograd: weight, bias, lora_A, lora_B


class FusedLinear:
    """Reads a layer's tensors and computes with them, y = x W^T + b + s (drop(x) A^T) B^T.

    What it reads is an `nn.Linear`, or a module with low-rank factors around one, which it knows by
    its attributes `base`, `lora_A` (R, r, in), `lora_B` (R, out, r), `scaling` (R,), the same as
    floats in `scalings`, and `dropout`, which is a `RunDropout` wherever it draws.
    """

    def __init__(self) -> None:
        self._frozen = FrozenLinear()
        self._module: Any = None

    def read(self, module: nn.Module) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:
        """Take weight, bias and factors as they are now, factors in the weight's dtype."""
        self._module = module
        if isinstance(module, nn.Linear):
            return module.weight, module.bias, None, None
        adapted: Any = module
        base = adapted.base
        if adapted.merged_run is not None or not adapted.enabled:
            return base.weight, base.bias, None, None
        dtype = base.weight.dtype
        return base.weight, base.bias, adapted.lora_A.to(dtype), adapted.full_B().to(dtype)

    def step(self, tensors: Sequence[Tensor | None]) -> LinearStep:
        """Begin one forward and backward with the tensors that were read."""
        weight, bias, A, B = tensors
        assert weight is not None
        base = self._module if isinstance(self._module, nn.Linear) else self._module.base
        # A trainer's own tensors change every step; only the module's frozen weight stays.
        frozen = None
        if weight is base.weight and isinstance(weight, nn.Parameter):
            frozen = None if weight.requires_grad else self._frozen.hold(weight)
        if A is None or B is None:
            return LinearStep(weight, bias, frozen)
        scaling = self._module.scalings[0]
        if len(set(self._module.scalings)) > 1:  # scale the narrow tensor, a run at a time
            scaling = self._module.scaling.to(A.dtype)[:, None, None]
        return LinearStep(weight, bias, frozen, A, B, scaling, self._module.dropout)


class LinearStep:
    """One forward and one backward of a linear layer, on rows (R * n, features), run-major."""

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        frozen: FrozenWeight | None,
        A: Tensor | None = None,
        B: Tensor | None = None,
        scaling: float | Tensor = 1.0,
        dropout: Any = None,
    ) -> None:
        self._weight, self._bias, self._frozen = weight, bias, frozen
        self._A, self._B, self._scaling, self._dropout = A, B, scaling, dropout

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """Return y + other, (rows, out); neither x nor other is changed."""
        self._x = x if self._weight.requires_grad or self._A is not None else None
        if self._frozen is not None:
            y = self._frozen.product(x, self._bias, other)
        else:
            y = F.linear(x, self._weight, self._bias)
            if other is not None:
                y.add_(other)
        if self._A is None or self._B is None:
            return y
        by_run = x.view(len(self._A), -1, x.shape[1])
        dropout = drawing(self._dropout)
        self._keep = None if dropout is None else dropout.factors(by_run.shape, x)
        if self._keep is not None:
            by_run = by_run * self._keep
        self._low = self._scale(_matmul(by_run, self._A.mT))
        _add_matmul(y, self._low, self._B.mT)
        return y

    def backward(
        self, grad: Tensor, needs: Sequence[bool], needs_x: bool, other: Tensor | None = None
    ) -> tuple[Tensor | None, list[Tensor | None]]:
        """Return the gradient of x plus `other`, and those of weight, bias, A and B.

        Args:
            grad: of y, (rows, out).
            needs: which of the four are wanted.
            needs_x: False: the first of the two is None.
        """
        x, grad_x = self._x, None  # x is kept where a gradient needs it
        grads: list[Tensor | None] = [None] * TENSORS
        if needs_x:
            if self._frozen is not None:
                grad_x = self._frozen.product_back(grad, other)
            elif other is None:
                grad_x = grad @ self._weight
            else:
                grad_x = torch.addmm(other, grad, self._weight)
        if needs[1]:
            grads[1] = grad.sum(0)
        if x is None:
            return grad_x, grads
        if needs[0]:
            grads[0] = grad.t() @ x
        if self._A is None or self._B is None:
            return grad_x, grads
        runs = len(self._A)
        by_run, grad = x.view(runs, -1, x.shape[1]), grad.view(runs, -1, grad.shape[1])
        if self._keep is not None:
            by_run = by_run * self._keep
        grad_low = self._scale(_matmul(grad, self._B))
        grads[2] = _matmul(grad_low.mT, by_run)
        grads[3] = _matmul(grad.mT, self._low)
        if grad_x is not None and self._keep is None:
            _add_matmul(grad_x, grad_low, self._A)
        elif grad_x is not None and self._keep is not None:
            grad_x.add_(_matmul(grad_low, self._A).mul_(self._keep).view(x.shape))
        return grad_x, grads

    def _scale(self, low: Tensor) -> Tensor:
        return low.mul_(self._scaling)


def _matmul(a: Tensor, b: Tensor) -> Tensor:
    """Multiply (R, n, m) by (R, m, k); one run is one plain product, which is faster."""
    return (a[0] @ b[0]).unsqueeze(0) if len(a) == 1 else torch.bmm(a, b)


def _add_matmul(to: Tensor, a: Tensor, b: Tensor) -> None:
    """Add (R, n, m) times (R, m, k) to rows (R * n, k)."""
    if len(a) == 1:
        to.addmm_(a[0], b[0])
    else:
        to.view(len(a), -1, to.shape[1]).baddbmm_(a, b)
