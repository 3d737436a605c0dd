"""Layers that are computed anew for the backward pass give what they give otherwise, to the bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from study.arms import full, lora
from study.models import attention
from study.models.recomputing import recomputing
from study.training.loop import Run, RunResult
from study.training.progress import Progress
from tests.lora.models import FAMILIES, Family
from tests.study import toys
from tests.study.compare import RUNS
from tests.study.fused_case import Case
from tests.study.toys import each_family, lora_run, saved, train_lora


def same(one: RunResult, other: RunResult) -> None:
    assert one.loss_values == other.loss_values
    assert one.validation == other.validation
    assert all(torch.equal(x, other.state[name]) for name, x in one.state.items())
    assert torch.equal(one.test_logits, other.test_logits)


@each_family
@pytest.mark.parametrize(("precision", "dropout"), [("fp32", 0.0), ("bf16", 0.2)])
def test_results_are_the_same_to_the_bit(family: Family, precision: str, dropout: float) -> None:
    arguments: dict[str, Any] = {"family": family.name, "precision": precision, "dropout": dropout}
    kept = train_lora(RUNS[:3], **arguments)
    anew = train_lora(RUNS[:3], **arguments, activation_checkpointing=True)
    for one, other in zip(kept, anew, strict=True):
        same(one, other)


def test_in_pieces_too() -> None:
    arguments: dict[str, Any] = {"dropout": 0.2, "gradient_accumulation_steps": 3}
    kept = train_lora(RUNS, **arguments)
    anew = train_lora(RUNS, **arguments, activation_checkpointing=True)
    for one, other in zip(kept, anew, strict=True):
        same(one, other)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_every_parameter_trained(family: str) -> None:
    results = [
        full.train_full(
            toys.load(saved(family), 0.2),
            [Run("full", None, 0.003, 0)],
            toys.prepared(pad=FAMILIES[family].config.pad_token_id or 0),
            toys.train_settings(activation_checkpointing=anew),
            toys.CPU,
            Progress("toy", 1),
        )[0]
        for anew in (False, True)
    ]
    same(*results)


def test_a_layer_that_dora_unfuses() -> None:
    config = replace(toys.lora_config(FAMILIES["bert"], dropout=0.2), use_dora=True)
    results = [
        lora.train_lora(
            toys.load(saved("bert"), 0.2),
            [config],
            [lora_run(0)],
            toys.prepared(),
            toys.train_settings(activation_checkpointing=anew),
            toys.CPU,
            Progress("toy", 1),
        )[0]
        for anew in (False, True)
    ]
    same(*results)


@each_family
def test_each_layer_is_computed_twice_a_step_and_once_afterwards(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    plain = attention.attend

    def counted(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        return plain(*arguments)

    monkeypatch.setattr("study.models.attention.attend", counted)
    monkeypatch.setattr("study.models.fused_layer.attend", counted)
    counts = []
    for anew in (False, True):
        calls = 0
        train_lora([lora_run(0)], family=family.name, activation_checkpointing=anew)
        counts.append(calls)
    steps, layers = 8, 2
    assert counts[1] - counts[0] == steps * layers


def test_a_fused_layer_keeps_its_input_alone() -> None:
    def kept(case: Case) -> int:
        out = case.fused()
        context: Any = out.grad_fn
        while not hasattr(context, "again"):
            context = context.next_functions[0][0]
        given = context.again if context.tape is None else context.tape
        return len(set(storages(given, case.x.numel())))

    plain, anew = Case(dropout=0.2), Case(dropout=0.2)
    plain.model.train()
    anew.model.train()
    many = kept(plain)
    with recomputing(anew.model, True):
        few = kept(anew)
        gradients = anew.gradients(anew.fused)
    expected = plain.gradients(plain.fused)
    assert all(torch.equal(gradients[name], x) for name, x in expected.items())
    assert few == 1
    assert many > 10
    assert not any(hasattr(layer, "recomputes") for layer in anew.model.modules())


def storages(value: Any, least: int) -> list[int]:
    """Return where in memory the activations are, of so many numbers at least, in nested values."""
    if isinstance(value, Tensor):
        large = value.is_floating_point() and value.numel() >= least
        return [value.untyped_storage().data_ptr()] if large else []
    inside = value if isinstance(value, tuple | list) else vars(value).values()
    nested = (
        each for each in inside if hasattr(each, "__dict__") or isinstance(each, tuple | list)
    )
    tensors = (each for each in inside if isinstance(each, Tensor))
    return [place for each in (*tensors, *nested) for place in storages(each, least)]
