"""Which directions come back when the seed is another.

The orthogonal projectors on each seed's top-k subspace, averaged over S seeds, have eigenvalues
from 0 to 1: 1 for a direction that lies in every seed's subspace, 1/S for one that is a single
seed's and foreign to the others. For two seeds they are (1 + cos t) / 2 and (1 - cos t) / 2, t the
principal angles. A direction counts as replicated if its eigenvalue is above what chance allows:
the largest of 99 draws of S random subspaces, which chance alone beats once in a hundred times.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

DRAWS = 99


def shared(bases: Sequence[Tensor]) -> Tensor:
    """The eigenvalues of the mean projector that are not 0 by count, descending.

    Args:
        bases: of each seed, (d, k), orthonormal columns
    """
    side_by_side = torch.cat(list(bases), dim=1)  # (d, S k)
    # Its Gram matrix has the eigenvalues of the sum of projectors, and is the smaller one.
    gram = side_by_side.T @ side_by_side
    count = min(side_by_side.shape)
    eigenvalues: Tensor = torch.linalg.eigvalsh(gram).flip(0)[:count]
    return eigenvalues.clamp_min(0) / len(bases)


@functools.cache
def by_chance(dimensions: int, k: int, seeds: int) -> float:
    """The largest eigenvalue that `DRAWS` draws of that many random subspaces had."""
    draw = np.random.default_rng([dimensions, k, seeds])
    largest = 0.0
    for _ in range(DRAWS):
        drawn = torch.from_numpy(draw.standard_normal((seeds, dimensions, k)))
        largest = max(largest, float(shared([*torch.linalg.qr(drawn).Q])[0]))
    return largest


def replicated(bases: Sequence[Tensor]) -> int:
    """How many directions all seeds share, beyond chance: at most k, and 0 if chance is 1."""
    dimensions, k = bases[0].shape
    limit = by_chance(dimensions, k, len(bases))
    return int((shared(bases) > limit).sum())


def principal_angles(bases: Sequence[Tensor]) -> list[float]:
    """The k principal angles in degrees, ascending, each a mean over all pairs of seeds."""
    pairs = [
        np.sort(scipy.linalg.subspace_angles(one.numpy(), other.numpy()))
        for one, other in combinations(bases, 2)
    ]
    return [float(angle) for angle in np.degrees(np.mean(pairs, axis=0))]
