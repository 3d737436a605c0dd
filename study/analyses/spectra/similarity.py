"""How much of one subspace lies in another, and how much would by chance.

Hu et al. 2021 (arXiv 2106.09685), section 7.2 and equation 4: for orthonormal bases U and U' of
directions in d dimensions, the first i of U and the first j of U',

    phi(i, j) = |U_i^T U'_j|_F^2 / min(i, j),

from 0 (orthogonal) to 1 (one holds the other). They take the right singular vectors of A. Here it
is those of the update s B A, on the input side: the same subspace, in the order in which the layer
uses it, which full fine-tuning's update has too. The output side is compared in the same way.

Two random subspaces have E phi = max(i, j) / d, since E |U_i^T U'_j|_F^2 = i j / d: the floor that
a similarity has to beat before it says anything.
"""

from __future__ import annotations

import torch
from torch import Tensor


def similarity(one: Tensor, other: Tensor) -> Tensor:
    """phi(i, j) for every i up to m and j up to n.

    Args:
        one: (d, m), orthonormal columns, the most important first
        other: (d, n), the same

    Returns:
        (m, n), phi(i, j) at [i - 1, j - 1]
    """
    sums = (one.T @ other).square().cumsum(0).cumsum(1)
    i = torch.arange(1, one.shape[1] + 1)[:, None]
    j = torch.arange(1, other.shape[1] + 1)
    return sums / torch.minimum(i, j)


def chance(i: int, j: int, dimensions: int) -> float:
    """E phi(i, j) of two independent random subspaces of this many dimensions."""
    return max(i, j) / dimensions
