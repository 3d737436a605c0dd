"""Arms whose batches are padded rows learn what packed ones do, and what plain loops do."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from study.arms import full, head_only
from study.batches.feeds import FeatureFeed, TokenFeed
from study.models.packed import PackedClassifier
from study.records.prepared import SPLITS, Batching, Prepared
from study.training.loop import Run, RunResult
from study.training.progress import Progress
from tests.lora.models import FAMILIES, Family
from tests.rounding import near_losses
from tests.study import toys
from tests.study.compare import RUNS, check_equal
from tests.study.plain import (
    PEFT_START,
    SEED,
    agreement,
    autocast,
    far,
    lend_head,
    peft_of,
    plain_predictions,
    plain_training,
)
from tests.study.toys import EVERY, lora_run, saved, train_lora

RATE = 0.01
OTHERS = ("albert", "mpnet", "electra", "gptj", "deberta", "modernbert mean", "bart", "t5")
each_way = pytest.mark.parametrize("way", ["padded", "separate"])


def data_of(family: Family) -> Prepared:
    data = toys.prepared(pad=family.config.pad_token_id or 0)
    if family.name not in ("bart", "t5"):
        return data
    return replace(data, **{name: toys.ended(getattr(data, name)) for name in SPLITS})


def way_of(family: Family) -> Batching:
    return "separate" if family.name == "deberta shared" else "padded"


@each_way
@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_lora_learns_what_the_packed_arm_does(name: str, way: Batching) -> None:
    packed = train_lora(RUNS, family=name)
    for one, other in zip(train_lora(RUNS, family=name, batching=way), packed, strict=True):
        check_equal(one, other)


@functools.cache
def full_run(name: str, way: Batching = "padded", precision: str = "fp32") -> RunResult:
    model, data = toys.load(saved(name), batching=way), data_of(EVERY[name])
    settings = toys.train_settings(precision=precision)
    run = Run("full", None, 1e-3, SEED)
    (result,) = full.train_full(
        model, [run], full.trim_embedding(model, data), settings, toys.CPU, Progress("toy", 1)
    )
    return result


def test_full_fine_tuning_learns_what_the_packed_arm_does() -> None:
    packed, padded = full_run("bert", "packed"), full_run("bert")
    assert padded.loss_values == near_losses(packed.loss_values, 16)
    assert torch.equal(padded.test_predictions, packed.test_predictions)


def heads(family: Family, way: Batching, data: Prepared) -> list[RunResult]:
    model, settings = toys.load(saved(family.name), batching=way), toys.train_settings()
    feed = head_only.features(model, data, settings, toys.CPU)
    assert isinstance(feed, FeatureFeed)
    runs = [Run("head_only", None, rate, seed) for rate in (0.1, 0.02) for seed in (0, 1)]
    return head_only.train_head_only(model, runs, feed, settings, 2, toys.CPU, Progress("toy", 4))


@each_way
@pytest.mark.parametrize("name", FAMILIES)
def test_heads_learn_what_packed_ones_do(name: str, way: Batching) -> None:
    data = data_of(EVERY[name])
    both = zip(heads(EVERY[name], way, data), heads(EVERY[name], "packed", data), strict=True)
    for one, other in both:
        check_equal(one, other)


@pytest.mark.parametrize("name", ["albert", "gptj", "deberta shared", "modernbert mean", "t5"])
def test_heads_on_states_learn_what_they_do_on_tokens(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = EVERY[name]
    data, way = data_of(family), way_of(family)
    on_states = heads(family, way, data)
    monkeypatch.setattr(PackedClassifier, "has_features", False)
    model, settings = toys.load(saved(name), batching=way), toys.train_settings()
    feed = head_only.features(model, data, settings, toys.CPU)
    assert isinstance(feed, TokenFeed)
    runs = [result.run for result in on_states]
    on_tokens = head_only.train_head_only(
        model, runs, feed, settings, 2, toys.CPU, Progress("toy", 4)
    )
    for one, other in zip(on_states, on_tokens, strict=True):
        check_equal(one, other)


def test_a_head_that_drops_trains_on_states() -> None:
    data, settings = data_of(EVERY["bert"]), toys.train_settings()
    runs = [Run("head_only", None, 0.1, seed) for seed in (0, 1)]
    both = []
    for way in ("packed", "padded"):
        model = toys.load(saved("bert"), 0.5, batching=way)
        feed = head_only.features(model, data, settings, toys.CPU)
        both.append(
            head_only.train_head_only(model, runs, feed, settings, 2, toys.CPU, Progress("toy", 2))
        )
    for packed, padded in zip(*both, strict=True):
        check_equal(packed, padded)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", [*OTHERS, "deberta shared"])
def test_lora_trains_as_peft_and_torch_do(name: str, precision: str) -> None:
    family = EVERY[name]
    data, rank, way = data_of(family), 3, way_of(family)
    adapted, names = peft_of(family, rank, way)
    trained = {f"{PEFT_START}{each}" for each in names}
    for each, parameter in adapted.named_parameters():  # PEFT leaves out a pooler beside the head
        if each in trained:
            parameter.requires_grad_()
    losses = plain_training(adapted, data, RATE, precision)
    runs = [lora_run(SEED, RATE, rank), lora_run(1, RATE, rank)]
    result, _ = train_lora(runs, family=name, data=data, batching=way, precision=precision)
    assert losses[0] != losses[-1]
    if precision == "bf16":
        assert far(result.loss_values, losses) < 0.06
        with autocast("bf16"):
            assert agreement(result.test_predictions, plain_predictions(adapted.eval(), data)) > 0.9
        return
    assert result.loss_values == near_losses(losses, 32)
    assert agreement(result.test_predictions, plain_predictions(adapted.eval(), data)) > 0.97


@pytest.mark.parametrize("name", [*OTHERS, "deberta shared"])
def test_full_fine_tuning_trains_as_plain_transformers_do(name: str) -> None:
    family = EVERY[name]
    data = data_of(family)
    plain = toys.reference(saved(name))
    lend_head(plain, toys.load(saved(name), batching="padded"))
    losses = plain_training(plain, data, 1e-3)
    result = full_run(name)
    assert result.loss_values == near_losses(losses, 64)
    assert agreement(result.test_predictions, plain_predictions(plain, data)) > 0.97


@pytest.mark.parametrize("name", [*OTHERS, "deberta shared"])
def test_full_fine_tuning_in_bf16_follows_fp32(name: str) -> None:
    exact, coarse = full_run(name), full_run(name, precision="bf16")
    assert 0 < far(coarse.loss_values, exact.loss_values) < 0.06


@pytest.mark.parametrize("name", ["albert", "bart", "t5", "gptj", "deberta"])
def test_a_tuned_model_that_is_saved_is_the_one_that_was_trained(name: str, tmp_path: Path) -> None:
    data = data_of(EVERY[name])
    result = full_run(name)
    arm: Any = SimpleNamespace(load=lambda _: toys.load(saved(name), batching="padded"), data=data)
    full.save_tuned(arm, [result], tmp_path)
    again: Any = AutoModelForSequenceClassification.from_pretrained(tmp_path / f"s{SEED}").eval()
    inputs, _ = toys.padded(data.test, torch.arange(len(data.test)), data.pad_token_id)
    with torch.no_grad():
        logits: Tensor = again(**inputs).logits
    torch.testing.assert_close(logits, result.test_logits, atol=1e-5, rtol=1e-5)
