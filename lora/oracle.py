"""LoRA written out in NumPy, with its backward by hand: what the torch layer is tested against.

    forward    y  = x W^T + b + s (x A^T) B^T
    backward   dB = s dy^T (x A^T)
               dA = s (dy B)^T x
               dx = dy W + s (dy B) A
    merge      W' = W + s B A

W (out, in), b (out,), A (r, in), B (out, r), x (n, in), y and dy (n, out). No dropout. Computed
in the arrays' own dtype, fp64 as tests use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Gradients:
    """Of a scalar loss by A (r, in), B (out, r) and x (n, in)."""

    A: Array
    B: Array
    x: Array


@dataclass(frozen=True)
class NumpyLoRA:
    """One frozen linear layer with its adapter."""

    W: Array
    A: Array
    B: Array
    scaling: float
    bias: Array | None = None

    def forward(self, x: Array) -> Array:
        """(n, in) -> (n, out)."""
        y: Array = x @ self.W.T + self.scaling * (x @ self.A.T) @ self.B.T
        return y if self.bias is None else y + self.bias

    def backward(self, x: Array, dy: Array) -> Gradients:
        """The chain rule for a loss whose gradient by forward(x) is dy (n, out)."""
        low = x @ self.A.T  # (n, r)
        back = self.scaling * (dy @ self.B)  # (n, r)
        return Gradients(
            A=back.T @ x,
            B=self.scaling * dy.T @ low,
            x=dy @ self.W + back @ self.A,
        )

    def merged_weight(self) -> Array:
        """(out, in): one matrix that computes what W and the adapter compute together."""
        merged: Array = self.W + self.scaling * self.B @ self.A
        return merged
