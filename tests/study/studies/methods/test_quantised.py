"""A base in four bit stays as it is, holds what it says, and is never merged into."""

from __future__ import annotations

import copy
import importlib
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import bitsandbytes
import pytest
import torch
from torch import nn

from lora.inject import adapted_modules, eject, inject
from lora.merge import merge
from study.arms import lora
from study.batches.packing import pack
from study.models.packed import PackedClassifier, parameter_count
from study.studies.methods.training.method import NotApplicable
from study.studies.methods.training.quantised import quantise, weight_bytes
from study.training.progress import Progress
from tests.lora.models import FAMILIES, Family, generator
from tests.study import toys

each_family = toys.each_family
_SAVED = tempfile.TemporaryDirectory()  # removed when the tests end


def wide(family: Family) -> Family:
    """The family with layers of whole blocks of 64."""
    config = copy.deepcopy(family.config)
    for key in ("hidden_size", "intermediate_size", "dim", "hidden_dim", "n_embd"):
        if hasattr(config, key):
            setattr(config, key, 128 if key in ("intermediate_size", "hidden_dim") else 64)
    if hasattr(config, "head_dim"):
        config.head_dim = 32
    return replace(family, config=config)


def load(family: Family) -> Any:
    folder = Path(_SAVED.name, family.name)
    if not folder.exists():
        toys.save_model(wide(family), folder)
    return toys.load(folder)


@each_family
def test_every_linear_layer_of_the_stack_is_what_its_codes_say(family: Family) -> None:
    model, plain = load(family), load(family)
    names = quantise(model)
    stack = [n for n, m in plain.named_modules() if isinstance(m, nn.ModuleList)]
    inside = [
        n
        for n, m in plain.named_modules()
        if n.startswith(tuple(f"{s}." for s in stack)) and getattr(m, "weight", None) is not None
    ]
    assert set(names) == {n for n in inside if plain.get_submodule(n).weight.ndim == 2}
    for n in names:
        layer = model.get_submodule(n)
        weight = bitsandbytes.functional.dequantize_4bit(layer.weight, layer.weight.quant_state)
        x = torch.randn(3, weight.shape[1], generator=generator(0))
        assert torch.allclose(layer(x), nn.functional.linear(x, weight, layer.bias), atol=1e-5)
        original = plain.get_submodule(n).weight
        original = original.T if family.name == "gpt2" else original
        # NF4's widest gap between two levels is 0.304 of a block's largest number, of which the
        # half can be lost, and double quantisation moves that largest number a little.
        assert (weight - original).abs().max() < 0.17 * original.abs().max()


def test_evaluation_does_not_change_the_base() -> None:
    model = load(FAMILIES["bert"])
    names = quantise(model)
    before = [model.get_submodule(n).weight.clone() for n in names]
    classifier = PackedClassifier(model, [0]).eval()
    with torch.no_grad():
        classifier(pack(toys.split(4, seed=1), [torch.arange(4)], 0, blocks=1))
    for n, weight in zip(names, before, strict=True):
        layer = model.get_submodule(n)
        assert torch.equal(layer.weight, weight)
        assert layer.weight.quant_state.nested  # double quantisation


def test_numbers_and_bytes() -> None:
    """64 numbers in 4 bit are 32 bytes; a block's scale one; what goes with them is counted."""
    model = nn.Module()
    model.layers = nn.ModuleList([nn.Linear(256, 256, bias=False)])
    quantise(model)  # type: ignore[arg-type]
    assert parameter_count(model) == 256 * 256
    state = model.layers[0].weight.quant_state
    beside = sum(t.numel() * t.element_size() for t in state.as_dict(packed=True).values())
    assert weight_bytes(model) == 256 * 256 // 2 + beside  # type: ignore[arg-type]
    assert 256 * 256 // 64 <= beside < 256 * 256 // 64 + 2000
    assert state.absmax.dtype == torch.uint8


@each_family
def test_factors_train_on_it_in_fp32_and_are_not_merged(family: Family) -> None:
    model = load(family)
    quantise(model)
    config = toys.lora_config(family)
    runs = [toys.lora_run(seed) for seed in (0, 1)]
    data = toys.prepared(pad=family.config.pad_token_id or 0)
    settings, progress = toys.train_settings(), Progress("toy", 2)
    codes = {n: p.clone() for n, p in model.named_parameters() if getattr(p, "quant_state", None)}
    assert codes
    results = lora.train_lora(model, [config] * 2, runs, data, settings, toys.CPU, progress)
    for result in results:
        factors = [x for n, x in result.state.items() if n.endswith(".lora_B")]
        assert factors
        assert all(x.abs().max() > 0 and x.dtype == torch.float32 for x in factors)
    assert all(torch.equal(model.get_parameter(n), p) for n, p in codes.items())
    inject(model, config, generator(0))
    with pytest.raises(
        ValueError, match=r"in four bit.*attach the adapter to the dequantised base"
    ):
        merge(model)
    assert all(layer.merged_run is None for layer in adapted_modules(model).values())
    eject(model)


def test_rows_that_are_no_whole_blocks_are_refused_and_nothing_is_changed() -> None:
    model = toys.load(toys.saved("bert"))
    with pytest.raises(NotApplicable, match="has 16 inputs"):
        quantise(model)
    assert not any(isinstance(m, bitsandbytes.nn.Linear4bit) for m in model.modules())


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the project's modules are imported anew, where the extra is hidden."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("lora", "study")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)  # as if it were not installed
    fresh = importlib.import_module(quantise.__module__)
    assert fresh.quantise is not quantise
    with pytest.raises(Exception, match=r"methods/params\.yaml:lora_variants: qlora, but") as error:
        fresh.require_bitsandbytes()
    assert type(error.value).__name__ == "StudyError"
    assert "pip install '.[qlora]'" in str(error.value)
