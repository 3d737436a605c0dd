"""Intruder dimensions: directions of a tuned weight that the pretrained one does not have.

Shuttleworth et al. 2024 (arXiv 2410.21228): the j-th left singular vector y_j of the tuned matrix
is an intruder if max_i |cos(y_j, x_i)| < epsilon over all left singular vectors x_i of the
pretrained matrix. The count is over the first ten, as in PEFT's `reduce_intruder_dimension`: the
highest-ranking ones matter, and far down, where singular values lie close to each other, vectors
turn into one another at the slightest push.

A direction that has nothing to do with W0 has a cosine above 0 all the same, since the nearest of
many vectors is never quite orthogonal. epsilon must lie above that floor, or even a random
direction would pass for one that was there before.
"""

from __future__ import annotations

import math

import scipy.integrate
import scipy.linalg
import scipy.special
import torch
from torch import Tensor

FIRST = 10  # the highest-ranking singular vectors that are looked at


def nearest_cosines(tuned: Tensor, pretrained: Tensor) -> Tensor:
    """max_i |cos(y_j, x_i)| for every j, (m,).

    Args:
        tuned: y, (d, m), orthonormal columns
        pretrained: x, (d, n), orthonormal columns
    """
    return (tuned.T @ pretrained).abs().amax(dim=1)


def random_floor(dimensions: int, vectors: int) -> float:
    """E max_i |cos(y, x_i)| of a random direction y with that many orthonormal vectors x_i.

    A normal vector z has |z| independent of its direction, so that E max_i |z_i| / E |z| is the
    answer: the largest of n half-normals over the mean of a chi distribution. With d vectors in
    d dimensions it is .250 at d = 128 and .121 at d = 768 (the medians are .246 and .120).
    """

    def above(x: float) -> float:
        return 1 - math.erf(x / math.sqrt(2)) ** vectors

    largest, _ = scipy.integrate.quad(above, 0, 12, limit=200)
    log_gammas = scipy.special.gammaln((dimensions + 1) / 2), scipy.special.gammaln(dimensions / 2)
    norm = math.sqrt(2) * math.exp(log_gammas[0] - log_gammas[1])
    return float(largest / norm)


def at_random(S: Tensor, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Return an update with these singular values and random directions, (out, in), fp64.

    It is as large and of the same rank as the update whose singular values they are, and has
    nothing to do with any task: the control of a count that grows with the update's size.

    Args:
        S: (k,)
        shape: (out, in), both at least k
    """
    rows, columns = shape
    drawn = (torch.randn(n, len(S), generator=generator, dtype=S.dtype) for n in (rows, columns))
    U, V = (torch.linalg.qr(matrix).Q for matrix in drawn)
    update: Tensor = U * S @ V.T
    return update


def first_left_vectors(W: Tensor, count: int = FIRST) -> Tensor:
    """The first left singular vectors of W, (out, count or fewer), by way of W W^T or W^T W.

    A few extreme eigenvectors of the smaller of the two cost a fraction of the whole SVD. Squaring
    loses what is 1e-8 times the largest singular value or less, which the first few never are here.
    """
    wide = W.shape[0] <= W.shape[1]
    squared = W @ W.T if wide else W.T @ W
    n = len(squared)
    chosen = (max(0, n - count), n - 1)
    _, vectors = scipy.linalg.eigh(squared.numpy(), subset_by_index=chosen)
    found = torch.from_numpy(vectors[:, ::-1].copy())
    return found if wide else torch.nn.functional.normalize(W @ found, dim=0)
