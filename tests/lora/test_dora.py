"""DoRA's layer against the NumPy oracle, its magnitudes on disk, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import BertConfig
from transformers.pytorch_utils import Conv1D

from lora import peft_format
from lora.adapter import attach, extract, load_into
from lora.counting import count_parameters, lora_parameter_count
from lora.inject import adapted_modules, adapter_parameters, inject
from lora.layer import LoRALinear
from lora.oracle import NumpyLoRA
from tests.lora.models import FAMILIES, config, generator
from tests.lora.test_layer import base, wrap
from tests.lora.test_variants import adapted, move

BERT = FAMILIES["bert"]
DORA = {"use_dora": True}


def magnitude_of(layer: LoRALinear) -> nn.Parameter:
    assert layer.lora_magnitude_vector is not None
    return layer.lora_magnitude_vector


def oracle(layer: LoRALinear, run: int) -> NumpyLoRA:
    weight = layer.base.weight.detach().numpy()
    bias = layer.base.bias
    return NumpyLoRA(
        W=weight.T if isinstance(layer.base, Conv1D) else weight,
        A=layer.lora_A[run].detach().numpy(),
        B=layer.lora_B[run].detach().numpy(),
        scaling=layer.scalings[run],
        bias=None if bias is None else bias.detach().numpy(),
        magnitude=magnitude_of(layer)[run].detach().numpy(),
    )


@pytest.mark.parametrize("kind", ["linear", "no bias", "conv1d"])
@pytest.mark.parametrize(("n_in", "n_out"), [(5, 5), (3, 7), (7, 3)])
@pytest.mark.parametrize("scalings", [(0.7,), (0.7, 0.7), (0.5, 2.0, 1.0)])
def test_forward_and_backward_agree_with_the_numpy_oracle(
    kind: str, n_in: int, n_out: int, scalings: tuple[float, ...]
) -> None:
    plain = base(n_in, n_out, "conv1d" if kind == "conv1d" else "linear")
    if kind == "no bias":
        plain.bias = None
    layer = wrap(plain, [2] * len(scalings), scalings, use_dora=True).double()
    draw, runs = generator(1), len(scalings)
    with torch.no_grad():
        magnitude_of(layer).mul_(1 + torch.rand(runs, n_out, generator=draw))
    x = torch.randn(runs, 4, n_in, generator=draw, dtype=torch.float64, requires_grad=True)
    dy = torch.randn(runs, 4, n_out, generator=draw, dtype=torch.float64)
    y = layer(x)
    y.backward(dy)
    assert x.grad is not None
    for run in range(runs):
        numpy, inputs = oracle(layer, run), x[run].detach().numpy()
        expected = numpy.backward(inputs, dy[run].numpy())
        np.testing.assert_allclose(y[run].detach().numpy(), numpy.forward(inputs), atol=1e-10)
        np.testing.assert_allclose(x.grad[run].numpy(), expected.x, atol=1e-10)
        own: dict[str, Any] = dict(layer.named_parameters(recurse=False))
        for name, value in (
            ("lora_A", expected.A),
            ("lora_B", expected.B),
            ("lora_magnitude_vector", expected.magnitude),
        ):
            np.testing.assert_allclose(own[name].grad[run].numpy(), value, atol=1e-10, err_msg=name)


def test_the_start_is_the_norm_of_every_output_and_follows_no_update() -> None:
    layer = wrap(base(6, 4), zero_B=True, use_dora=True)
    torch.testing.assert_close(magnitude_of(layer)[0], layer.base.weight.norm(dim=1))
    with torch.no_grad():
        layer.lora_B.fill_(1.0)
    torch.testing.assert_close(magnitude_of(layer)[0], layer.base.weight.norm(dim=1))
    conv = wrap(base(6, 4, "conv1d"), zero_B=True, use_dora=True)
    torch.testing.assert_close(magnitude_of(conv)[0], conv.base.weight.norm(dim=0))


def test_an_output_without_weights_stays_without() -> None:
    plain = base(6, 4)
    with torch.no_grad():
        plain.weight[2] = 0
    layer = wrap(plain, use_dora=True, zero_B=True)
    x = torch.randn(5, 6, generator=generator(2))
    for _ in range(3):
        y = layer(x)
        torch.testing.assert_close(y[:, 2], plain.bias[2].expand(5))
        layer.zero_grad()
        y.square().sum().backward()
        with torch.no_grad():
            for parameter in layer.parameters():
                if parameter.grad is not None:
                    assert torch.isfinite(parameter.grad).all()
                    parameter.sub_(0.01 * parameter.grad)
    assert layer.lora_B[0, :2].any()


def test_a_bf16_base_is_normed_in_fp32_and_computes_in_bf16() -> None:
    layer = wrap(base(64, 8).bfloat16(), (2, 1), use_dora=True, zero_B=True)
    expected = layer.base.weight.float().norm(dim=1)
    assert magnitude_of(layer).dtype == torch.float32
    torch.testing.assert_close(magnitude_of(layer)[1], expected)
    x = torch.randn(6, 64, generator=generator(3)).bfloat16()
    assert torch.equal(layer(x), layer.base(x))
    assert layer(x).dtype == torch.bfloat16


def test_the_models_own_initialisation_leaves_magnitudes_alone() -> None:
    model = adapted(BERT, DORA)
    before = {name: p.detach().clone() for name, p in adapter_parameters(model).items()}
    model.init_weights()
    for name, parameter in adapter_parameters(model).items():
        assert torch.equal(parameter, before[name])


def test_magnitudes_are_counted() -> None:
    model = BERT.build()
    inject(model, [config(rank=r, **DORA) for r in (1, 3)], [generator(0), generator(1)])
    for run, rank in enumerate((1, 3)):
        assert count_parameters(model, run).adapter == 4 * (rank * 32 + 16)
    plain = BertConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2)
    assert lora_parameter_count(plain, ("query", "value"), 3, use_dora=True) == 4 * (3 * 32 + 16)


def test_saving_and_loading_gives_magnitudes_back(tmp_path: Any) -> None:
    model = BERT.build()
    inject(model, [config(rank=r, **DORA) for r in (1, 3)], [generator(0), generator(1)])
    move(model)
    adapter = extract(model, run=1)
    peft_format.save(adapter, tmp_path)
    back = peft_format.load(tmp_path)
    assert back.config == adapter.config
    assert json.loads((tmp_path / peft_format.CONFIG).read_text())["use_dora"] is True
    for name, layer in adapted_modules(model).items():
        assert torch.equal(back.magnitudes[name], magnitude_of(layer)[1])
    with torch.no_grad():
        for parameter in adapter_parameters(model).values():
            parameter[1] = 0
    load_into(model, back, run=1)
    for name, layer in adapted_modules(model).items():
        assert torch.equal(back.magnitudes[name], magnitude_of(layer)[1])


@pytest.mark.parametrize("change", ["one missing", "one too many", "another shape", "not DoRA"])
def test_magnitudes_that_do_not_fit_are_named(tmp_path: Any, change: str) -> None:
    peft_format.save(extract(adapted(BERT, DORA)), tmp_path)
    tensors = load_file(tmp_path / peft_format.WEIGHTS)
    name = BERT.adapted[1]
    key = f"base_model.model.{name}.lora_magnitude_vector"
    if change == "one missing":
        del tensors[key]
    elif change == "one too many":
        tensors["base_model.model.other.lora_magnitude_vector"], name = torch.ones(16), "other"
    elif change == "another shape":
        tensors[key] = torch.ones(15)
    else:
        file = tmp_path / peft_format.CONFIG
        file.write_text(json.dumps(json.loads(file.read_text()) | {"use_dora": False}))
    save_file(tensors, tmp_path / peft_format.WEIGHTS)
    with pytest.raises(ValueError, match=rf"use_dora \w+: magnitudes .*{name}"):
        peft_format.load(tmp_path)


def test_dora_and_lora_are_not_loaded_into_one_another() -> None:
    dora, plain = adapted(BERT, DORA), adapted(BERT, {})
    with pytest.raises(ValueError, match="use_dora is True in the adapter and False in the model"):
        load_into(plain, extract(dora, head_names=["classifier"]))
    with pytest.raises(ValueError, match="use_dora is False in the adapter and True in the model"):
        load_into(dora, extract(plain, head_names=["classifier"]))
    adapter = extract(dora)
    with pytest.raises(ValueError, match="DoRA's update depends on the base's weight"):
        adapter.delta(BERT.adapted[0])
    other = BERT.build()
    attach(other, replace(adapter, head={}))
    assert all(layer.lora_magnitude_vector is not None for layer in adapted_modules(other).values())


def test_chosen_columns_are_refused_by_the_layer() -> None:
    with pytest.raises(ValueError, match="DoRA needs the norms of all of the base's rows"):
        wrap(base(6, 6), use_dora=True, columns=slice(0, 3))
