"""An update cut down to a rank: nearest to itself, or in what it does to the layer's inputs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lora.spectra import truncate_weighted
from study.analyses.capacity.truncation import KINDS, PLAIN, WEIGHTED, TruncatedUpdate

OUT, IN = 7, 5
SHAPES = [(7, 5), (5, 7), (6, 6)]


def case(out: int = OUT, inputs: int = IN) -> tuple[Tensor, Tensor, Tensor]:
    """Return W0 (out, in), W and a moment S (in, in) of inputs that are far from round."""
    draw = torch.Generator().manual_seed(0)
    W0, D = (torch.randn(out, inputs, generator=draw) for _ in range(2))
    x = torch.randn(200, inputs, generator=draw) * 3.0 ** -torch.arange(inputs)
    return W0, W0 + D, x.T @ x / 200


def errors(M: Tensor, D: Tensor, S: Tensor) -> tuple[float, float]:
    """Return |M - D|^2 and E |(M - D) x|^2."""
    left = (M - D).double()
    return float(left.square().sum()), float((left @ S.double() @ left.T).trace())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rank", [1, 2, 4])
def test_each_kind_is_the_best_of_its_rank_in_its_own_sense(
    rank: int, shape: tuple[int, int]
) -> None:
    W0, W, S = case(*shape)
    D = W - W0
    cut = TruncatedUpdate(W0, W, S, largest=4)
    found = {kind: cut.weight(kind, rank) - W0 for kind in KINDS}
    plain, weighted = (errors(found[kind], D, S) for kind in KINDS)
    assert plain[0] < weighted[0]
    assert weighted[1] < plain[1]
    values = torch.linalg.svdvals(D.double())
    assert plain[0] == pytest.approx(float(values[rank:].square().sum()), rel=1e-5)
    root = torch.linalg.cholesky(S.double())
    values = torch.linalg.svdvals(D.double() @ root)
    assert weighted[1] == pytest.approx(float(values[rank:].square().sum()), rel=1e-4)
    for M in found.values():
        assert torch.linalg.matrix_rank(M.double(), atol=1e-5) == rank


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rank", [1, 3])
def test_a_smaller_rank_is_what_cutting_to_it_at_once_gives(
    rank: int, shape: tuple[int, int]
) -> None:
    W0, W, S = case(*shape)
    for kind in KINDS:
        at_once = TruncatedUpdate(W0, W, S, largest=rank).weight(kind, rank)
        torch.testing.assert_close(TruncatedUpdate(W0, W, S, 4).weight(kind, rank), at_once)
    A, B = truncate_weighted(W.double() - W0.double(), S, rank)
    found = TruncatedUpdate(W0, W, S, 4).weight(WEIGHTED, rank)
    torch.testing.assert_close(found, (W0.double() + B @ A).float(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("rank", [IN, IN + 1, 400])
def test_from_the_full_rank_on_it_is_the_tuned_matrix_to_the_bit(rank: int) -> None:
    W0, W, S = case()
    for kind in KINDS:
        assert torch.equal(TruncatedUpdate(W0, W, S, rank).weight(kind, rank), W)


def test_without_inputs_the_weighted_one_is_the_plain_one() -> None:
    W0, W, _ = case()
    cut = TruncatedUpdate(W0, W, None, 3)
    assert torch.equal(cut.weight(WEIGHTED, 2), cut.weight(PLAIN, 2))


def test_a_matrix_that_was_not_tuned_stays_as_it_was() -> None:
    W0, _, S = case()
    for kind in KINDS:
        assert torch.equal(TruncatedUpdate(W0, W0.clone(), S, 3).weight(kind, 2), W0)
