"""The fast path against the plain one: transformers, PEFT and torch on the same padded batches."""

from __future__ import annotations

import copy
from typing import Any

import peft
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import Trainer, get_linear_schedule_with_warmup

from lora.inject import adapted_modules
from study import full_arm, head_only_arm, lora_arm
from study.models import PackedClassifier
from study.optimizer import FlatParameters
from study.packing import epoch_order
from study.prepared import Prepared
from study.progress import Progress
from study.training import Run, RunResult, train
from tests.lora.models import FAMILIES, Family
from tests.study import toys
from tests.study.toys import each_family, lora_run, saved, train_lora

# At most seeds factors agree to 1e-6. At a few (5) one element's gradient is next to nothing in an
# early step, and Adam makes a full step of its rounding.
SEED, RATE = 6, 0.01


def data_of(family: Family) -> Prepared:
    return toys.prepared(pad=family.config.pad_token_id or 0)


def plain_training(model: Any, data: Prepared, rate: float) -> list[float]:
    """Train what of the model is trainable, as a tutorial would; return each step's loss."""
    settings = toys.train_settings()
    decaying = set(Trainer.get_decay_parameter_names(None, model))
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for n, p in trained.items() if n in decaying], "weight_decay": 0.01},
            {"params": [p for n, p in trained.items() if n not in decaying], "weight_decay": 0.0},
        ],
        lr=rate,
    )
    schedule = get_linear_schedule_with_warmup(optimizer, 2, 8)
    losses = []
    for chosen in epoch_order(len(data.train), SEED, 1).split(settings.batch_size):
        inputs, labels = toys.padded(data.train, chosen, data.pad_token_id)
        loss = F.cross_entropy(model(**inputs).logits, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.values(), settings.max_grad_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return losses


@torch.no_grad()
def plain_predictions(model: Any, data: Prepared) -> Tensor:
    inputs, _ = toys.padded(data.test, torch.arange(len(data.test)), data.pad_token_id)
    predictions: Tensor = model(**inputs).logits.argmax(-1)
    return predictions


@torch.no_grad()
def lend_head(model: Any, folder_model: Any) -> list[str]:
    """Give a plain model the head that the seed's run starts from; return its names."""
    classifier = PackedClassifier(folder_model, [SEED])
    rows = dict(classifier.named_parameters())
    names = []
    for name in classifier.head_names:
        plain = name.removeprefix("model.")
        model.get_parameter(plain).copy_(rows[name][0])
        names.append(plain)
    return names


@each_family
def test_lora_trains_as_peft_and_torch_do(family: Family) -> None:
    data, rank = data_of(family), 3
    plain, ours = toys.reference(saved(family.name)), toys.load(saved(family.name))
    names = lend_head(plain, ours)
    lora_arm.adapt(ours, toys.lora_config(family, rank), [SEED])
    adapted = peft.get_peft_model(
        plain,
        peft.LoraConfig(
            r=rank, lora_alpha=2 * rank, target_modules=list(family.targets), task_type="SEQ_CLS"
        ),
    )
    theirs = dict(adapted.named_parameters())
    start = "base_model.model."
    with torch.no_grad():
        for name, layer in adapted_modules(ours).items():
            theirs[f"{start}{name}.lora_A.default.weight"].copy_(layer.lora_A[0])
    losses = plain_training(adapted, data, RATE)
    (result,) = train_lora([lora_run(SEED, RATE, rank)], family=family.name, data=data)
    assert result.loss_values == pytest.approx(losses, abs=1e-6)
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
        other = theirs[start + name].detach()
        torch.testing.assert_close(tensor, other, atol=1e-5, rtol=0, msg=name)
    assert torch.equal(result.test_predictions, plain_predictions(adapted.eval(), data))


def full_run(family: Family, data: Prepared, rate: float = 1e-3, **changes: Any) -> RunResult:
    model = toys.load(saved(family.name))
    run = Run("full", None, rate, SEED)
    settings = toys.train_settings(**changes)
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
    result = full_run(family, data)
    assert result.loss_values == pytest.approx(losses, abs=2e-6)
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
    data = data_of(family)
    exact, coarse = full_run(family, data), full_run(family, data, precision="bf16")
    difference = max(abs(a - b) for a, b in zip(exact.loss_values, coarse.loss_values, strict=True))
    assert 0 < difference < 0.05  # measured: 0.005 to 0.021
    assert all(tensor.dtype == torch.float32 for tensor in coarse.state.values())


@each_family
def test_trimmed_embedding_gives_what_the_whole_one_gives(family: Family) -> None:
    data = data_of(family)
    whole = full_run(family, data)
    model = toys.load(saved(family.name))
    before = model.get_input_embeddings().weight.clone()
    trimmed = full_arm.trim_embedding(model, data)
    rows = model.get_input_embeddings().weight
    used = torch.cat([getattr(data, s).input_ids for s in ("train", "validation", "test")])
    assert len(rows) == len({*used.tolist(), data.pad_token_id}) < len(before)
    assert torch.equal(rows[trimmed.train.input_ids], before[data.train.input_ids])
    assert torch.equal(rows[trimmed.pad_token_id], before[data.pad_token_id])
    run = Run("full", None, 1e-3, SEED)
    settings = toys.train_settings()
    (result,) = full_arm.train_full(model, [run], trimmed, settings, toys.CPU, Progress("toy", 1))
    assert result.loss_values == pytest.approx(whole.loss_values, abs=1e-6)
    assert torch.equal(result.test_predictions, whole.test_predictions)


@each_family
def test_cached_features_train_the_head_as_the_frozen_model_does(family: Family) -> None:
    data, settings = data_of(family), toys.train_settings()
    runs = [Run("head_only", None, rate, seed) for rate in (0.1, 0.02) for seed in (0, 1)]
    model = toys.load(saved(family.name))
    feed = head_only_arm.features(model, data, settings, toys.CPU)
    cached = head_only_arm.train_head_only(
        model, runs, feed, settings, 2, toys.CPU, Progress("toy", 4)
    )
    classifier = PackedClassifier(toys.load(saved(family.name)), [run.seed for run in runs])
    every = dict(classifier.named_parameters())
    parameters = FlatParameters(
        {name: every[name] for name in classifier.head_names},
        len(runs),
        torch.float32,
        has_run_axis=lambda _: True,
        keep_fp32=lambda _: True,
    )
    tokens = toys.token_feed(data)
    through = train(classifier, parameters, runs, tokens, settings, 2, Progress("toy", 4))
    for one, other in zip(cached, through, strict=True):
        assert one.loss_values == pytest.approx(other.loss_values, abs=1e-6)
        for name, tensor in one.state.items():
            torch.testing.assert_close(tensor, other.state[name], atol=1e-5, rtol=0, msg=name)
        assert torch.equal(one.test_predictions, other.test_predictions)


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
        feed = head_only_arm.features(model, data, settings, toys.CPU)
        head_only_arm.train_head_only(model, runs, feed, settings, 1, toys.CPU, progress)
    elif arm == "full":
        full_arm.train_full(model, runs, data, settings, toys.CPU, progress)
    else:
        config = toys.lora_config(family)
        (result,) = lora_arm.train_lora(model, config, runs, data, settings, toys.CPU, progress)
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
    heads = head_only_arm.size(model)
    lora = lora_arm.size(model, toys.lora_config(family, 3))
    adapter = 2 * 2 * 3 * (16 + 16)
    assert (full.head, full.adapter, full.trainable, full.total) == (head, 0, total, total)
    assert (heads.head, heads.adapter, heads.trainable, heads.total) == (head, 0, head, total)
    assert (lora.head, lora.adapter, lora.trainable) == (head, adapter, head + adapter)
    assert lora.total == total
