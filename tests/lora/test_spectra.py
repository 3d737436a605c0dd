"""Spectra of matrices whose answers are known."""

from __future__ import annotations

import math
import warnings

import peft
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft.tuners.lora.conversion import _find_cutoff_index

from lora.spectra import (
    effective_rank,
    energy,
    energy_rank,
    peft_ranks,
    stable_rank,
    svd_of_product,
    truncate,
    truncate_weighted,
)
from tests.lora.models import FAMILIES, generator

sizes = st.integers(1, 7)


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64)


def norm(matrix: torch.Tensor) -> float:
    return float(torch.linalg.matrix_norm(matrix))


@given(seed=st.integers(0, 10**6), n_in=sizes, n_out=sizes, rank=sizes, scaling=st.floats(-3, 3))
def test_the_product_need_not_be_formed(seed, n_in, n_out, rank, scaling):
    A, B = normal(seed, rank, n_in), normal(seed + 1, n_out, rank)
    svd = svd_of_product(A, B, scaling)
    dense = torch.linalg.svdvals(scaling * B @ A)
    kept = min(rank, n_in, n_out)
    torch.testing.assert_close(svd.S, dense[:kept], rtol=1e-8, atol=1e-10)
    torch.testing.assert_close((svd.U * svd.S) @ svd.Vh, scaling * B @ A, rtol=1e-8, atol=1e-10)
    for basis in (svd.U, svd.Vh.T):
        eye = torch.eye(kept, dtype=torch.float64)
        torch.testing.assert_close(basis.T @ basis, eye, rtol=0, atol=1e-10)


@given(seed=st.integers(0, 10**6), rank=st.integers(1, 4))
def test_truncation_leaves_out_the_smallest_values_and_beats_others(seed, rank):
    A, B = normal(seed, 4, 6), normal(seed + 1, 5, 4)
    svd = svd_of_product(A, B)
    low_A, low_B = truncate(svd, rank)
    left = norm(low_B @ low_A - B @ A)
    assert left**2 == pytest.approx(float(svd.S[rank:].square().sum()), abs=1e-9)
    other = normal(seed + 2, 5, rank) @ normal(seed + 3, rank, 6)
    assert left <= norm(other - B @ A) + 1e-12


@given(seed=st.integers(0, 10**6), rank=st.integers(1, 4), seen=st.integers(1, 9))
def test_weighted_truncation_reaches_the_bound_on_the_layers_outputs(seed, rank, seen):
    """Also where the covariance is singular: fewer inputs seen than dimensions."""
    D, X = normal(seed, 4, 6), normal(seed + 1, seen, 6)
    S = X.T @ X / seen
    A, B = truncate_weighted(D, S, rank)
    assert A.shape == (rank, 6)
    assert B.shape == (4, rank)

    def risk(M: torch.Tensor) -> float:
        return float((X @ (M - D).T).square().sum() / seen)

    root = torch.linalg.svdvals(D @ X.T / math.sqrt(seen))
    assert risk(B @ A) == pytest.approx(float(root[rank:].square().sum()), abs=1e-8)
    plain_A, plain_B = truncate(svd_of_product(D, torch.eye(4, dtype=torch.float64)), rank)
    assert risk(B @ A) <= risk(plain_B @ plain_A) + 1e-9


def test_with_isotropic_inputs_both_truncations_agree():
    D = normal(0, 4, 6)
    A, B = truncate_weighted(D, 3.0 * torch.eye(6), 2)
    plain_A, plain_B = truncate(svd_of_product(D, torch.eye(4)), 2)
    torch.testing.assert_close(B @ A, plain_B @ plain_A)


@pytest.mark.parametrize("k", [1, 3, 8])
def test_k_equal_values_have_rank_k_by_every_measure(k):
    S = torch.cat([torch.full((k,), 2.5), torch.zeros(4)])
    assert effective_rank(S) == pytest.approx(k)
    assert stable_rank(S) == pytest.approx(k)
    assert energy(S, k) == pytest.approx(1.0)
    assert energy(S, 1) == pytest.approx(1 / k)


@given(values=st.lists(st.floats(1e-3, 10), min_size=1, max_size=8), factor=st.floats(0.1, 10))
def test_measures_are_bounded_by_the_rank_and_blind_to_scale(values, factor):
    S = torch.tensor(values, dtype=torch.float64).sort(descending=True).values
    for measure in (effective_rank, stable_rank):
        assert 1 - 1e-9 <= measure(S) <= len(values) + 1e-9
        assert measure(factor * S) == pytest.approx(measure(S))
    energies = [energy(S, r) for r in range(len(values) + 1)]
    assert energies == sorted(energies)
    assert energies[0] == 0
    assert energies[-1] == pytest.approx(1)


def test_what_has_no_answer_is_refused():
    with pytest.raises(ValueError, match="the matrix is zero"):
        effective_rank(torch.zeros(3))
    with pytest.raises(ValueError, match="rank 0: 1 to 3"):
        truncate(svd_of_product(normal(0, 3, 5), normal(1, 4, 3)), 0)
    with pytest.raises(ValueError, match=r"A \(3, 5\) and B \(4, 2\)"):
        svd_of_product(normal(0, 3, 5), normal(1, 4, 2))


def test_the_energy_rank_is_the_first_that_holds_the_share():
    S = torch.tensor([3.0, 2.0, 1.0, 1.0, 0.0])  # squares 9, 4, 1, 1 of 15
    assert [energy_rank(S, share) for share in (0.1, 9 / 15, 0.61, 0.9, 0.95, 1.0)] == [
        *(1, 1, 2, 3, 4, 4)
    ]


@given(
    values=st.lists(st.floats(1e-3, 10), min_size=1, max_size=8),
    share=st.floats(0.01, 1),
    factor=st.floats(0.1, 10),
)
def test_the_energy_rank_holds_the_share_and_one_less_does_not(values, share, factor):
    S = torch.tensor(values, dtype=torch.float64).sort(descending=True).values
    rank = energy_rank(S, share)
    assert energy(S, rank) >= share - 1e-12
    assert rank == 1 or energy(S, rank - 1) < share + 1e-12


@given(seed=st.integers(0, 10**6), threshold=st.floats(0.01, 1), n_in=sizes, n_out=sizes)
def test_peft_would_take_the_same_rank(seed, threshold, n_in, n_out):
    delta = normal(seed, n_out, n_in).float()
    S = torch.linalg.svd(delta, full_matrices=False).S
    assert peft_ranks(delta, [threshold]) == [_find_cutoff_index(S, threshold)]
    assert abs(energy_rank(S, threshold) - peft_ranks(delta, [threshold])[0]) <= 1


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_peft_converts_an_adapter_to_these_ranks(name):
    """Through `convert_to_lora`, on modules of either orientation."""
    family = FAMILIES[name]
    config = peft.LoraConfig(
        r=6,
        lora_alpha=9,
        target_modules=list(family.targets),
        fan_in_fan_out=name == "gpt2",
        init_lora_weights=False,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = peft.get_peft_model(family.build(), config)
    layers = {name: module for name, module in model.named_modules() if hasattr(module, "lora_A")}
    thresholds = [0.3, 0.5, 0.7, 0.9, 0.95]
    for place, threshold in enumerate(thresholds):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is a LoRA already
            _, state = peft.convert_to_lora(model, rank=threshold)
        for layer, module in layers.items():
            delta = module.get_delta_weight("default")
            ranks = {min(t.shape) for key, t in state.items() if key.startswith(f"{layer}.lora_")}
            assert ranks == {peft_ranks(delta, thresholds)[place]}


def test_shares_that_are_none_are_refused():
    for share in (0.0, -0.5, 1.1):
        with pytest.raises(ValueError, match="above 0 and at most 1"):
            energy_rank(torch.ones(3), share)
        with pytest.raises(ValueError, match="above 0 and at most 1"):
            peft_ranks(torch.eye(3), [0.5, share])
