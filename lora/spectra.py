"""Singular values of low-rank updates, and the best approximations of lower rank.

Everything is computed in fp64 and returned in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class SVD(NamedTuple):
    """U (out, r) diag(S (r,)) Vh (r, in), S descending."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def svd_of_product(A: Tensor, B: Tensor, scaling: float = 1.0) -> SVD:
    """The SVD of scaling * B A without forming it.

    B = Q_B R_B and A^T = Q_A R_A, so that B A = Q_B (R_B R_A^T) Q_A^T, of which only the middle
    (r, r) needs an SVD: O((in + out) r^2) in place of O(in * out * min(in, out)).

    Args:
        A: (r, in)
        B: (out, r)
        scaling: s, of either sign

    Raises:
        ValueError: shapes that do not fit
    """
    rank = A.shape[0]
    if A.ndim != 2 or B.ndim != 2 or B.shape[1] != rank:
        raise ValueError(f"A {tuple(A.shape)} and B {tuple(B.shape)}: (r, in), (out, r) are needed")
    Q_A, R_A = torch.linalg.qr(A.double().T)
    Q_B, R_B = torch.linalg.qr(B.double())
    U, S, Vh = torch.linalg.svd(scaling * (R_B @ R_A.T), full_matrices=False)
    return SVD(Q_B @ U, S, Vh @ Q_A.T)


def truncate(svd: SVD, rank: int) -> tuple[Tensor, Tensor]:
    """Factors (A (rank, in), B (out, rank)) of the nearest matrix of that rank.

    Nearest in Frobenius and spectral norm (Eckart and Young 1936): B A = U_r S_r V_r^T, with the
    root of S in either factor.
    """
    _require_rank(rank, len(svd.S))
    root = svd.S[:rank].sqrt()
    return root[:, None] * svd.Vh[:rank], svd.U[:, :rank] * root


def truncate_weighted(delta: Tensor, covariance: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Factors of the matrix M of rank r whose outputs are nearest to delta's on real inputs.

    The minimum of E |(M - D) x|^2 = |(M - D) S^1/2|_F^2 over rank r is at

        M = [D S^1/2]_r S^-1/2 = U_r U_r^T D,

    U_r the top left singular vectors of D S^1/2, and is the sum of the squared singular values
    that are left out. The second form needs no inverse, so that S may be singular. Plain
    truncation of D is optimal only when S = c I or S shares D's right singular vectors in order.

    Args:
        delta: D (out, in)
        covariance: S = E[x x^T] (in, in), symmetric, no negative eigenvalues
        rank: 1 to min(out, in)

    Returns:
        A = U_r^T D (rank, in) and B = U_r (out, rank)
    """
    _require_rank(rank, min(delta.shape))
    D = delta.double()
    eigenvalues, vectors = torch.linalg.eigh(covariance.double())
    weighted = D @ (vectors * eigenvalues.clamp_min(0).sqrt())  # D S^1/2, rotated: same U
    U = torch.linalg.svd(weighted, full_matrices=False).U[:, :rank]
    return U.T @ D, U


def energy(S: Tensor, rank: int) -> float:
    """E_r = sum_{i <= r} s_i^2 / sum_i s_i^2, the share of squared norm in the top r."""
    squares = _nonzero(S).square()
    return float(squares[:rank].sum() / squares.sum())


def energy_rank(S: Tensor, share: float) -> int:
    """The smallest r with E_r >= share.

    Raises:
        ValueError: a zero matrix, or a share that is not above 0 and at most 1
    """
    _require_share(share)
    squares = _nonzero(S).square().cumsum(0)
    # Rounding may leave the last of the sums a hair under share = 1 of the total.
    return min(int((squares < share * squares[-1]).sum()) + 1, len(squares))


def peft_ranks(delta: Tensor, thresholds: Sequence[float]) -> list[int]:
    """The ranks that PEFT's `convert_to_lora(model, rank=threshold)` gives a module's update.

    The rule of `energy_rank` in PEFT 0.21's own steps: everything in fp32, and the first rank at
    which the running sum of squares is not below threshold times the last of the sums.

    Args:
        delta: (out, in), what `get_delta_weight` returns
        thresholds: PEFT's `rank`, a float

    Raises:
        ValueError: a zero matrix, or a threshold that is not above 0 and at most 1
    """
    for threshold in thresholds:
        _require_share(threshold)
    S = torch.linalg.svd(delta.float(), full_matrices=False).S
    sums = _nonzero(S).float().square().cumsum(0)
    return [int(torch.searchsorted(sums, threshold * sums[-1])) + 1 for threshold in thresholds]


def effective_rank(S: Tensor) -> float:
    """exp(-sum_i p_i ln p_i), p_i = s_i / sum s (Roy and Vetterli 2007): k for k equal values."""
    S = _nonzero(S)
    p = S / S.sum()
    return float(torch.special.entr(p).sum().exp())


def stable_rank(S: Tensor) -> float:
    """sum_i s_i^2 / s_1^2 = |M|_F^2 / |M|_2^2: at most the rank, and hardly moved by small s_i."""
    squares = _nonzero(S).square()
    return float(squares.sum() / squares.max())


def _nonzero(S: Tensor) -> Tensor:
    if S.numel() == 0 or not bool((S > 0).any()):
        raise ValueError("the matrix is zero: it has no spectrum to speak of")
    return S.double()


def _require_share(share: float) -> None:
    if not 0 < share <= 1:
        raise ValueError(f"share {share}: above 0 and at most 1 is allowed")


def _require_rank(rank: int, limit: int) -> None:
    if not 1 <= rank <= limit:
        raise ValueError(f"rank {rank}: 1 to {limit} is allowed")
