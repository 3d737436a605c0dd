"""How much an update amplifies what the pretrained weight hardly uses."""

from __future__ import annotations

import math

import pytest
import torch

from lora.spectra import SVD
from study.analyses.spectra.amplification import amplification
from study.analyses.spectra.updates import full_svd
from tests.study.analyses.spectra.cases import normal, orthonormal


def test_a_planted_direction_has_the_factor_it_was_given():
    """W0 is 10, 5, 2, 0.5 along four pairs of directions; the update is 2 along the last."""
    U, V = orthonormal(7, 4, seed=1), orthonormal(9, 4, seed=2)
    values = torch.tensor([10.0, 5.0, 2.0, 0.5], dtype=torch.float64)
    W0 = (U * values) @ V.T
    found = amplification(W0, values, full_svd(2 * torch.outer(U[:, 3], V[:, 3])), 1)
    assert found.norm == pytest.approx(2)
    assert found.on_update == pytest.approx(0.5)
    assert found.on_own == pytest.approx(10)
    assert found.factor == pytest.approx(4)
    along_the_first = amplification(W0, values, full_svd(3 * torch.outer(U[:, 0], V[:, 0])), 1)
    assert along_the_first.on_update == pytest.approx(along_the_first.on_own)


def test_only_the_first_directions_count():
    W0 = normal(6, 8)
    update = full_svd(normal(6, 8, seed=1))
    whole = amplification(W0, full_svd(W0).S, update, 6)
    part = amplification(W0, full_svd(W0).S, update, 2)
    assert whole.norm == pytest.approx(float(update.S.norm()))
    assert part.norm == pytest.approx(float(update.S[:2].norm()))
    assert part.on_own == pytest.approx(float(full_svd(W0).S[:2].norm()))


@pytest.mark.parametrize("rank", [1, 3])
def test_the_random_control_is_what_random_directions_give(rank):
    W0 = normal(8, 12)
    own = full_svd(W0).S
    exact = amplification(W0, own, full_svd(normal(8, 12, seed=1)), rank).on_random
    squares = [
        float((orthonormal(8, rank, seed=s).T @ W0 @ orthonormal(12, rank, seed=s + 5000)).norm())
        ** 2
        for s in range(1500)
    ]
    assert math.sqrt(sum(squares) / len(squares)) == pytest.approx(exact, rel=0.05)


def test_what_the_weight_does_not_see_at_all_is_amplified_without_limit():
    axes = torch.eye(3, dtype=torch.float64)
    W0 = torch.diag(torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64))
    update = SVD(axes[:, 2:], torch.ones(1, dtype=torch.float64), axes[2:])
    assert amplification(W0, torch.tensor([1.0, 1.0, 0.0]), update, 1).factor == math.inf
