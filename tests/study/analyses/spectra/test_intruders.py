"""Directions of a tuned weight that the pretrained one does not have."""

from __future__ import annotations

import pytest
import torch

from study.analyses.spectra.intruders import (
    at_random,
    first_left_vectors,
    nearest_cosines,
    random_floor,
)
from study.analyses.spectra.updates import full_svd
from tests.study.analyses.spectra.cases import normal, orthonormal


@pytest.mark.parametrize(
    ("dimensions", "vectors"), [(128, 128), (64, 64), (64, 16), (5, 5), (40, 1)]
)
def test_the_floor_is_the_mean_over_random_directions(dimensions, vectors):
    directions = torch.nn.functional.normalize(normal(dimensions, 4000), dim=0)
    basis = orthonormal(dimensions, vectors, seed=1)
    mean = float(nearest_cosines(directions, basis).mean())
    assert random_floor(dimensions, vectors) == pytest.approx(mean, rel=0.02)


@pytest.mark.parametrize("shape", [(12, 12), (12, 30), (30, 12)])
def test_the_first_vectors_are_those_of_the_svd(shape):
    W = normal(*shape)
    found = first_left_vectors(W, 5)
    expected = full_svd(W).U[:, :5]
    torch.testing.assert_close((found * expected).sum(0).abs(), torch.ones(5).double())
    assert first_left_vectors(W, 50).shape == (shape[0], 12)


@pytest.mark.parametrize("shape", [(12, 30), (30, 12)])
def test_the_control_has_the_updates_singular_values_and_no_direction_of_it(shape):
    S = torch.tensor([3.0, 2.0, 1.0]).double()
    one, two = (at_random(S, shape, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    for drawn in (one, two):
        values = torch.linalg.svdvals(drawn)
        torch.testing.assert_close(values[:3], S)
        assert float(values[3:].max()) < 1e-12
    assert not torch.allclose(one, two)


def test_a_large_random_update_has_intruders_and_a_small_one_none():
    """So the count says how large an update is, and nothing of where it came from."""
    W0 = normal(40, 40)
    U = full_svd(W0).U
    S = torch.ones(1).double()
    counts = []
    for size in (0.01, 1e3):
        drawn = at_random(size * S, (40, 40), torch.Generator().manual_seed(3))
        cosines = nearest_cosines(first_left_vectors(W0 + drawn), U)
        counts.append(int((cosines < 0.5).sum()))
    assert counts == [0, 1]


def test_a_planted_intruder_is_found_and_a_strengthened_direction_is_none():
    U, V = orthonormal(40, 40, seed=1), orthonormal(40, 40, seed=2)
    values = torch.linspace(5, 1, 40, dtype=torch.float64)
    W0 = (U * values) @ V.T
    even = U.sum(1) / 40**0.5  # as far from every vector of W0 as can be
    planted = W0 + 100 * torch.outer(even, V[:, 39])
    cosines = nearest_cosines(first_left_vectors(planted), full_svd(W0).U)
    assert len(cosines) == 10
    assert float(cosines[0]) == pytest.approx(40**-0.5, abs=0.01)
    assert (cosines < 0.5).tolist()[:1] == [True]
    strengthened = W0 + 100 * torch.outer(U[:, 20], V[:, 20])
    cosines = nearest_cosines(first_left_vectors(strengthened), full_svd(W0).U)
    assert cosines.tolist() == pytest.approx([1] * 10)
    assert nearest_cosines(first_left_vectors(W0), full_svd(W0).U).min() > 0.999
