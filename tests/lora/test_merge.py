"""Merging adds in fp32 and casts once; unmerging restores the bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from lora.inject import adapted_modules, disabled, eject, inject, is_adapted
from lora.layer import LoRALinear
from lora.merge import delta_weight, merge, merge_and_eject, merged, unmerge
from tests.lora.models import FAMILIES, adapted, config, generator, logits, randomise, tokens

BERT = FAMILIES["bert"]


def weights(model) -> dict[str, torch.Tensor]:
    return {name: m.base.weight.detach().clone() for name, m in adapted_modules(model).items()}


def test_merging_keeps_the_logits_and_unmerging_restores_the_bits(family):
    model, ids = adapted(family), tokens()
    before, originals = logits(model, ids), weights(model)
    for _ in range(3):
        merge(model)
        torch.testing.assert_close(logits(model, ids), before, rtol=1e-5, atol=1e-6)
        assert not any(torch.equal(w, originals[name]) for name, w in weights(model).items())
        unmerge(model)
        assert all(torch.equal(w, originals[name]) for name, w in weights(model).items())
        assert torch.equal(logits(model, ids), before)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-3, 0.3])
def test_the_delta_is_added_in_fp32_and_cast_once(dtype, scale):
    model = BERT.build().to(dtype)
    inject(model, config(rank=8), generator(0))
    randomise(model, scale=scale)
    originals = weights(model)
    wide = torch.promote_types(dtype, torch.float32)
    with merged(model):
        for name, layer in adapted_modules(model).items():
            delta = delta_weight(layer)
            assert delta.dtype == torch.float32
            assert torch.equal(layer.base.weight, (originals[name].to(wide) + delta).to(dtype))
    assert all(torch.equal(w, originals[name]) for name, w in weights(model).items())


@pytest.mark.parametrize(("n_in", "n_out"), [(6, 6), (4, 12), (12, 4)])
@pytest.mark.parametrize("columns", [None, [slice(0, 2), slice(3, 4)]])
def test_conv1d_is_merged_transposed_against_a_dense_oracle(n_in, n_out, columns):
    base = Conv1D(n_out, n_in)
    layer = LoRALinear(base, ranks=[2], scalings=[1.5], generators=[generator(0)], columns=columns)
    nn.init.normal_(layer.lora_B, generator=generator(1))
    x = torch.randn(3, n_in, generator=generator(2), dtype=torch.float64)
    dense = base.weight.double().numpy(force=True).copy()  # (in, out)
    A, B = layer.lora_A[0].numpy(force=True), layer.lora_B[0].numpy(force=True)
    for row, column in enumerate(range(n_out) if columns is None else (0, 1, 3)):
        dense[:, column] += 1.5 * (B[row].astype(np.float64) @ A.astype(np.float64))
    expected = x.numpy() @ dense + base.bias.numpy(force=True)
    np.testing.assert_allclose(layer(x.float()).numpy(force=True), expected, atol=1e-5)
    model = nn.Module()
    model.layers = nn.ModuleList([base])
    assert delta_weight(layer).shape == base.weight.shape
    np.testing.assert_allclose(
        (base.weight + delta_weight(layer)).numpy(force=True), dense, atol=1e-6
    )


def test_one_run_of_several_is_merged_by_its_index():
    model, ids = BERT.build(), tokens(rows=6)
    inject(model, [config(rank=r) for r in (1, 3, 2)], [generator(r) for r in range(3)])
    randomise(model)
    for layer in adapted_modules(model).values():
        for run, rank in enumerate(layer.ranks):
            layer.lora_B.data[run, :, rank:] = 0
    together = logits(model, ids)
    for run in range(3):
        rows = slice(2 * run, 2 * run + 2)
        with merged(model, run):
            torch.testing.assert_close(logits(model, ids[rows]), together[rows])
    with pytest.raises(ValueError, match="run 3: the adapter has runs 0 to 2"):
        merge(model, 3)


def test_merge_and_eject_leaves_a_plain_model_that_computes_the_same(family):
    model, ids = adapted(family), tokens()
    before, plain = logits(model, ids), family.build()
    merge_and_eject(model)
    assert not is_adapted(model)
    assert [type(m) for m in model.modules()] == [type(m) for m in plain.modules()]
    assert model.state_dict().keys() == plain.state_dict().keys()
    torch.testing.assert_close(logits(model, ids), before, rtol=1e-5, atol=1e-6)
    # the merged model is a base like any other: its new adapter starts at nothing
    now = logits(model, ids)
    inject(model, config(family.targets), generator(4))
    assert torch.equal(logits(model, ids), now)


def test_ejecting_a_merged_adapter_takes_the_update_out_again():
    model, ids = adapted(BERT), tokens()
    plain = logits(BERT.build(), ids)
    merge(model)
    eject(model)
    assert torch.equal(logits(model, ids), plain)


def test_merging_twice_or_unmerging_nothing_is_refused():
    model = adapted(BERT)
    with pytest.raises(ValueError, match="no adapter is merged"):
        unmerge(model)
    merge(model)
    with pytest.raises(ValueError, match="run 0 is merged already"):
        merge(model)
    with pytest.raises(ValueError, match="unmerge it before disabling"), disabled(model):
        pass
    with pytest.raises(ValueError, match="no adapter"):
        merge(BERT.build())


def test_a_merge_that_is_not_finite_is_refused_and_changes_nothing():
    model = adapted(BERT)
    last = adapted_modules(model)[BERT.adapted[-1]]
    last.lora_B.data[0, 0, 0] = float("inf")
    originals = weights(model)
    with pytest.raises(ValueError, match=f"{BERT.adapted[-1]}: the merged weight is not finite"):
        merge(model)
    assert all(torch.equal(w, originals[name]) for name, w in weights(model).items())
    assert all(layer.merged_run is None for layer in adapted_modules(model).values())


def test_the_state_of_a_merged_layer_is_not_saved():
    model = adapted(BERT)
    with merged(model), pytest.raises(RuntimeError, match="unmerge it before saving"):
        model.state_dict()
    model.state_dict()
