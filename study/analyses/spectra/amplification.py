"""How much an update amplifies directions that the pretrained weight hardly uses.

Hu et al. 2021 (arXiv 2106.09685), section 7.3: for the top r singular vectors U, V of the update D,
the factor |D|_F / |U^T W0 V|_F compares the update with what W0 itself does between the same
directions. Their two controls put other directions into the denominator: W0's own top r, and
random ones. A factor far above that of W0's own directions says that the update strengthens
something that W0 does not stress; one far below that of random directions, that W0 knows it all
the same.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from lora.spectra import SVD


class Amplification(NamedTuple):
    """Norms at one rank r.

    Attributes:
        norm: |D_r|_F, the update's part of rank r
        on_update, on_own, on_random: |U^T W0 V|_F for the top r directions of the update, of W0
            itself, and (root mean square) for random ones
    """

    norm: float
    on_update: float
    on_own: float
    on_random: float

    @property
    def factor(self) -> float:
        """The amplification of the update's own directions; infinite where W0 does not see them."""
        return self.norm / self.on_update if self.on_update else math.inf


def amplification(W0: Tensor, own: Tensor, update: SVD, rank: int) -> Amplification:
    """Measure the top `rank` directions of an update.

    For random orthonormal U (out, r) and V (in, r), E |U^T W0 V|_F^2 = r^2 |W0|_F^2 / (out in):
    that control is exact, nothing is drawn.

    Args:
        W0: (out, in), fp64
        own: its singular values, descending
        update: of the same shape
    """
    U, V = update.U[:, :rank], update.Vh[:rank].T
    out_features, in_features = W0.shape
    return Amplification(
        norm=float(update.S[:rank].norm()),
        on_update=float((U.T @ W0 @ V).norm()),
        on_own=float(own[:rank].norm()),
        on_random=rank * float(own.norm()) / math.sqrt(out_features * in_features),
    )
