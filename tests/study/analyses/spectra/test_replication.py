"""Which directions come back over the seeds."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from study.analyses.spectra.replication import by_chance, principal_angles, replicated, shared
from tests.study.analyses.spectra.cases import normal, orthonormal


def planted(common: int, k: int, seeds: int, d: int = 60) -> list[Tensor]:
    """Subspaces of k directions, of which the first few are everyone's."""
    everyones = orthonormal(d, common, seed=99) if common else torch.zeros(d, 0).double()
    found = []
    for seed in range(seeds):
        basis = torch.linalg.qr(torch.cat([everyones, normal(d, k - common, seed=seed)], 1)).Q
        found.append(basis @ orthonormal(k, k, seed=seed))  # the order and signs tell nothing
    return found


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("common", [0, 2, 5])
def test_what_was_planted_is_what_replicates(common, seeds):
    bases = planted(common, 5, seeds)
    assert replicated(bases) == common
    eigenvalues = shared(bases)
    assert eigenvalues[:common].tolist() == pytest.approx([1] * common)
    assert len(eigenvalues) == 5 * seeds
    assert float(eigenvalues.sum()) == pytest.approx(5)


def test_orthogonal_seeds_share_nothing():
    axes = torch.eye(12, dtype=torch.float64)
    bases = [axes[:, :3], axes[:, 3:6], axes[:, 6:9]]
    assert shared(bases).tolist() == pytest.approx([1 / 3] * 9)
    assert replicated(bases) == 0
    assert principal_angles(bases) == pytest.approx([90] * 3)


def test_of_two_seeds_the_eigenvalues_are_the_principal_angles():
    one, other = orthonormal(20, 4, seed=1), orthonormal(20, 4, seed=2)
    cosines = np.cos(scipy.linalg.subspace_angles(one.numpy(), other.numpy()))
    expected = sorted([*(1 + cosines) / 2, *(1 - cosines) / 2], reverse=True)
    assert shared([one, other]).tolist() == pytest.approx(expected)
    assert principal_angles([one, other]) == pytest.approx(sorted(np.degrees(np.arccos(cosines))))
    assert principal_angles([one, one]) == pytest.approx([0] * 4, abs=1e-5)


def test_chance_replicates_about_once_in_a_hundred():
    found = [
        replicated([orthonormal(30, 3, seed=1000 * s + i) for i in range(3)]) for s in range(300)
    ]
    assert sum(count > 0 for count in found) <= 12
    assert by_chance(30, 3, 3) == by_chance(30, 3, 3)
    assert 1 / 3 < by_chance(30, 3, 3) < 1


def test_a_subspace_that_is_everything_tells_nothing():
    whole = [orthonormal(6, 6, seed=s) for s in range(3)]
    assert by_chance(6, 6, 3) == pytest.approx(1)
    assert float(shared(whole)[-1]) < 1
