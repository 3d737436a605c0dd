"""LoRA written out in NumPy, with its backward by hand: what the torch layer is tested against.

    forward    y  = x W^T + b + s (x A^T) B^T
    backward   dB = s dy^T (x A^T)
               dA = s (dy B)^T x
               dx = dy W + s (dy B) A
    merge      W' = W + s B A

With DoRA's magnitude m the rows of V = W + s B A are rescaled by f = m / |V|, |V| constant:

    forward    y  = x (f V)^T + b
    backward   as above for f dy in the place of dy, and dm = sum_n dy (x V^T) / |V|
    merge      W' = f V

W (out, in), b, m and f (out,), A (r, in), B (out, r), x (n, in), y and dy (n, out). No dropout.
Computed in the arrays' own dtype, fp64 as tests use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Gradients:
    """Of a scalar loss by A (r, in), B (out, r), x (n, in) and, with DoRA, m (out,)."""

    A: Array
    B: Array
    x: Array
    magnitude: Array | None = None


@dataclass(frozen=True)
class NumpyLoRA:
    """One frozen linear layer with its adapter."""

    W: Array
    A: Array
    B: Array
    scaling: float
    bias: Array | None = None
    magnitude: Array | None = None

    def norms(self) -> Array:
        """|V|, (out,)."""
        norms: Array = np.linalg.norm(self.W + self.scaling * self.B @ self.A, axis=1)
        return norms

    def forward(self, x: Array, norms: Array | None = None) -> Array:
        """(n, in) -> (n, out); other norms than the layer's own may be given."""
        y: Array = x @ self.W.T + self.scaling * (x @ self.A.T) @ self.B.T
        if self.magnitude is not None:
            y = y * self.magnitude / (self.norms() if norms is None else norms)
        return y if self.bias is None else y + self.bias

    def backward(self, x: Array, dy: Array) -> Gradients:
        """The chain rule for a loss whose gradient by forward(x) is dy (n, out)."""
        by_magnitude = None
        if self.magnitude is not None:
            norms = self.norms()
            product = x @ self.W.T + self.scaling * (x @ self.A.T) @ self.B.T
            by_magnitude = (dy * product / norms).sum(axis=0)
            dy = dy * self.magnitude / norms
        low = x @ self.A.T  # (n, r)
        back = self.scaling * (dy @ self.B)  # (n, r)
        return Gradients(
            A=back.T @ x,
            B=self.scaling * dy.T @ low,
            x=dy @ self.W + back @ self.A,
            magnitude=by_magnitude,
        )

    def merged_weight(self) -> Array:
        """(out, in): one matrix that computes what W and the adapter compute together."""
        merged: Array = self.W + self.scaling * self.B @ self.A
        if self.magnitude is not None:
            merged = merged * (self.magnitude / self.norms())[:, None]
        return merged
