"""The directions of one module's update s B A: how strong each is, and which come twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from audit.saved import Module
from lora.spectra import SVD, svd_of_product

ALIKE = 0.9  # cosine from which one component repeats another
# Singular values this far below a module's first are the rounding of factors in fp32.
ROUNDING = 2.0**-24


@dataclass(frozen=True, eq=False)
class Directions:
    """A module's update, taken apart.

    Attributes:
        S: its singular values, descending, fp64. Those that are rounding alone are 0.
        repeated: how many of the rank-one parts b_i a_i^T repeat an earlier one.
    """

    module: Module
    S: Tensor
    repeated: int

    @property
    def squares(self) -> Tensor:
        """The energy of each direction."""
        return self.S.square()


Factors = Iterable[tuple[Module, Tensor, Tensor]]
Decompose = Callable[[Module, Tensor, Tensor], SVD]


def plainly(module: Module, A: Tensor, B: Tensor) -> SVD:
    """Take s B A apart as it stands."""
    return svd_of_product(A, B, module.scaling)


def directions(factors: Factors, decompose: Decompose = plainly) -> list[Directions]:
    """Take every module's update apart, one after the other.

    Args:
        factors: as `audit.saved.Saved.factors` gives them.
        decompose: how; `audit.moments` weighs by what comes into the layers.
    """
    found = []
    for module, A, B in factors:
        S = decompose(module, A, B).S
        S = torch.where(S.gt(ROUNDING * S[0]), S, 0.0)
        found.append(Directions(module, S, repeated(A, B)))
    return found


def repeated(A: Tensor, B: Tensor) -> int:
    """Count the rank-one parts b_i a_i^T that an earlier one repeats, up to size and sign.

    The cosine of two parts, as matrices, is cos(a_i, a_j) cos(b_i, b_j), since
    <b_i a_i^T, b_j a_j^T> = (b_i . b_j) (a_i . a_j). Two random ones in d and e dimensions have one
    of about 1 / sqrt(d e).

    Args:
        A: (rank, in); B: (out, rank)
    """
    products = (A @ A.T) * (B.T @ B)
    norms = products.diagonal().sqrt()
    there = norms > 0
    norms = torch.where(there, norms, 1.0)
    cosines = (products / norms / norms[:, None]).abs()
    earlier = torch.tril(cosines >= ALIKE, diagonal=-1)
    return int((earlier.any(dim=1) & there).sum())
