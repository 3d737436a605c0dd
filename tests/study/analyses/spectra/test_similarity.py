"""How much of one subspace lies in another."""

from __future__ import annotations

import pytest
import torch

from study.analyses.spectra.similarity import chance, similarity
from tests.study.analyses.spectra.cases import orthonormal


def test_the_table_is_the_formula_for_every_pair_of_sizes():
    one, other = orthonormal(9, 4, seed=1), orthonormal(9, 6, seed=2)
    table = similarity(one, other)
    assert table.shape == (4, 6)
    for i in range(1, 5):
        for j in range(1, 7):
            norm = torch.linalg.matrix_norm(one[:, :i].T @ other[:, :j])
            assert float(table[i - 1, j - 1]) == pytest.approx(float(norm) ** 2 / min(i, j))


def test_planted_subspaces_are_found():
    axes = torch.eye(8, dtype=torch.float64)
    half = similarity(axes[:, :4], axes[:, 2:6])
    assert float(half[3, 3]) == pytest.approx(0.5)  # two of four directions in common
    assert float(half[1, 3]) == 0  # the first two are foreign
    assert float(similarity(axes[:, :3], axes[:, 3:6]).max()) == 0
    turned = axes[:, :3] @ orthonormal(3, 3)  # the same subspace, other vectors, other signs
    assert float(similarity(axes[:, :3], -turned)[2, 2]) == pytest.approx(1)
    assert float(similarity(axes[:, :3], axes[:, [5, 2, 1, 0]])[2, 3]) == pytest.approx(1)


def test_random_subspaces_reach_the_floor_and_no_more():
    d = 24
    tables = [
        similarity(orthonormal(d, 6, seed=2 * s), orthonormal(d, 6, seed=2 * s + 1))
        for s in range(400)
    ]
    mean = torch.stack(tables).mean(0)
    for i in range(1, 7):
        for j in range(1, 7):
            assert float(mean[i - 1, j - 1]) == pytest.approx(chance(i, j, d), rel=0.15)
    assert float(mean[5, 5]) == pytest.approx(chance(6, 6, d), rel=0.02)
