"""What PiSSA takes out of a layer's weight, and what its factors start from (`lora.pissa`)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

Factors: TypeAlias = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Principal:
    """What was taken out of a layer's weight.

    Attributes:
        original: W0 as the base holds it, in its shape and dtype
        A: sqrt(S_r) V_r^T (rank, in), fp32 on the CPU
        B: U_r sqrt(S_r) (out, rank), fp32 on the CPU
    """

    original: Tensor
    A: Tensor
    B: Tensor

    def start(self, scaling: float) -> Factors:
        """A and B that a run of this scaling starts from."""
        root = math.sqrt(scaling)
        return self.A / root, self.B / root
