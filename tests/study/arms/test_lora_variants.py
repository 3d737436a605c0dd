"""DoRA, PiSSA and LoRA+ in the trainer: as PEFT's train, and together as alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft.optimizers import create_loraplus_optimizer
from torch import Tensor

from lora.adapter import extract
from lora.inject import adapted_modules, adapter_parameters, eject
from study.arms import lora
from study.entry.errors import StudyError
from study.training.optimizer import FlatParameters
from tests.lora.models import FAMILIES, Family
from tests.rounding import near_losses
from tests.study import toys
from tests.study.compare import check_equal, far
from tests.study.plain import (
    PEFT_START,
    SEED,
    data_of,
    peft_of,
    plain_predictions,
    plain_training,
)
from tests.study.toys import each_family, lora_run, saved, train_lora

RATE, RANK, RATIO = 0.01, 3, 4.0
OURS: dict[str, dict[str, Any]] = {
    "dora": {"variant": {"use_dora": True}},
    "pissa": {"variant": {"init": "pissa"}},
    "loraplus": {"loraplus_ratio": RATIO},
    "dora with loraplus": {"variant": {"use_dora": True}, "loraplus_ratio": RATIO},
}
PEFTS: dict[str, dict[str, Any]] = {
    "dora": {"use_dora": True},
    "pissa": {"init_lora_weights": "pissa"},
    "loraplus": {},
    "dora with loraplus": {"use_dora": True},
}
each_variant = pytest.mark.parametrize("name", OURS)


def loraplus(model: Any, rate: float) -> torch.optim.Optimizer:
    optimizer: torch.optim.Optimizer = create_loraplus_optimizer(
        model, torch.optim.AdamW, lr=rate, loraplus_lr_ratio=RATIO, loraplus_weight_decay=0.01
    )
    return optimizer


@each_family
@each_variant
def test_a_variant_trains_as_pefts_does(family: Family, name: str) -> None:
    data = data_of(family)
    other, _ = peft_of(family, RANK, **PEFTS[name])
    make = {"optimizer_of": loraplus} if "loraplus" in name else {}
    losses = plain_training(other, data, RATE, **make)
    (result,) = train_lora(
        [lora_run(SEED, RATE, RANK)], family=family.name, data=data, **OURS[name]
    )
    assert result.loss_values == near_losses(losses, 16)  # measured: 2.7
    assert losses[0] != losses[-1]
    for key, tensor in result.state.items():
        if ".lora_" in key:
            path = key.removeprefix("model.")
            theirs = other.get_parameter(f"{PEFT_START}{path}.default.weight").detach()
            if name == "pissa":  # a singular vector has either sign
                tensor, theirs = tensor.abs(), theirs.abs()
            torch.testing.assert_close(tensor, theirs, atol=1e-4, rtol=0, msg=key)
    assert torch.equal(result.test_predictions, plain_predictions(other.eval(), data))


@pytest.mark.parametrize(
    ("name", "family", "dropout"),  # LoRA+ is of the optimiser, whatever the family
    [
        *((name, family, 0.2) for name in ("dora", "pissa") for family in FAMILIES),
        *((name, family, 0.0) for name in ("dora", "pissa") for family in ("bert", "gpt2")),
        *(("loraplus", "bert", dropout) for dropout in (0.0, 0.2)),
        *(("dora with loraplus", family, 0.2) for family in ("bert", "gpt2")),
    ],
)
def test_together_equals_alone(family: str, name: str, dropout: float) -> None:
    ranks = (3, 3) if name == "pissa" else (1, 3)
    runs = [lora_run(seed, RATE, rank) for seed, rank in zip((0, 9), ranks, strict=True)]
    changes = {"family": family, "dropout": dropout, **OURS[name]}
    together = train_lora(runs, **changes)
    for run, result in zip(runs, together, strict=True):
        (alone,) = train_lora([run], **changes)
        state = {key: _of_rank(key, x, run.rank or 0) for key, x in result.state.items()}
        for key, tensor in alone.state.items():
            torch.testing.assert_close(state[key], tensor, atol=1e-5, rtol=0, msg=key)
        assert result.loss_values == near_losses(alone.loss_values)
    (plain,) = train_lora(runs[:1], family=family, dropout=dropout)
    assert far(together[0], plain) > 1e-6  # the variant is one


def _of_rank(key: str, tensor: Tensor, rank: int) -> Tensor:
    """Cut the padding off, which is exactly zero."""
    if key.endswith("lora_A"):
        assert not tensor[rank:].any()
        return tensor[:rank]
    if key.endswith("lora_B"):
        assert not tensor[:, rank:].any()
        return tensor[:, :rank]
    return tensor


@each_variant
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_in_bf16_a_variant_follows_fp32(family: str, name: str) -> None:
    run = lora_run(SEED, RATE, RANK)
    (exact,) = train_lora([run], family=family, **OURS[name])
    (coarse,) = train_lora([run], family=family, precision="bf16", **OURS[name])
    assert 0 < far(exact, coarse) < 0.05
    assert all(tensor.dtype == torch.float32 for tensor in coarse.state.values())


@each_variant
@pytest.mark.parametrize("family", ["bert", "roberta", "gpt2"])
def test_what_a_run_learned_is_an_adapter_of_the_untouched_model(family: str, name: str) -> None:
    data = toys.prepared(pad=FAMILIES[family].config.pad_token_id or 0)
    runs = [lora_run(0, 0.05), lora_run(5, 0.05)]
    results = train_lora(runs, family=family, data=data, **OURS[name])
    config = toys.lora_config(FAMILIES[family], 3, **OURS[name].get("variant", {}))
    model = toys.load(saved(family))
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    for result in results:
        adapter = lora.adapter_of(model, config, result.state)
        plain = toys.reference(saved(family)).requires_grad_(False)
        for module, _ in adapter.factors.items():
            weight = plain.get_submodule(module).weight
            W0 = weight.T if family == "gpt2" else weight
            W0.add_(adapter.delta(module, W0))
        plain.load_state_dict(adapter.head, strict=False)
        assert torch.equal(plain_predictions(plain, data), result.test_predictions)
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters())


def test_a_fresh_adapter_of_each_variant_is_counted_with_its_magnitudes() -> None:
    family = FAMILIES["bert"]
    sizes = {
        name: lora.size(
            toys.load(saved("bert")), toys.lora_config(family, 3, **OURS[name].get("variant", {}))
        ).adapter
        for name in ("dora", "pissa", "loraplus")
    }
    assert sizes["pissa"] == sizes["loraplus"] == 4 * 3 * 32
    assert sizes["dora"] == 4 * (3 * 32 + 16)


def test_pissa_of_two_ranks_in_one_pass_is_a_study_error() -> None:
    with pytest.raises(StudyError, match=r"lora: .*share one rank, got \[1, 3\]"):
        train_lora([lora_run(rank=1), lora_run(rank=3)], variant={"init": "pissa"})


def test_loraplus_gives_its_ratio_to_b_and_vectors_and_decays_as_peft_does() -> None:
    family = FAMILIES["bert"]
    other, _ = peft_of(family, RANK, use_dora=True)
    groups = loraplus(other, 1.0).param_groups
    theirs = {id(p): (g["lr"], g["weight_decay"] > 0) for g in groups for p in g["params"]}
    named = dict(other.named_parameters())
    model = toys.load(saved("bert"))
    lora.adapt(model, [toys.lora_config(family, RANK, use_dora=True)], [0])
    tensors = adapter_parameters(model)
    parameters = FlatParameters(
        tensors,
        1,
        torch.float32,
        has_run_axis=lambda _: True,
        keep_fp32=lambda _: True,
        also_decays=lora.is_magnitude,
        rate_factor=lora.loraplus_factor(RATIO),
    )
    for piece in parameters.pieces:
        expected = theirs[id(named[f"{PEFT_START}{piece.name}.default.weight"])]
        assert (piece.rate_factor, piece.decays) == expected
    eject(model)


def test_the_settings_reach_the_adapter() -> None:
    family = FAMILIES["bert"]
    model = toys.load(saved("bert"))
    lora.adapt(model, [toys.lora_config(family, 2, use_dora=True, init="pissa")], [0])
    layers = adapted_modules(model).values()
    assert all(layer.principal is not None for layer in layers)
    assert extract(model).config.use_dora
    check_equal(*(train_lora([lora_run()], variant={"use_dora": True})[0] for _ in range(2)))
