"""LoRA's laws hold for DoRA and PiSSA: the base comes back, merging is exact, runs do not mix."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lora.adapter import attach, combine, extract, load_into
from lora.inject import (
    adapted_modules,
    adapter_parameters,
    disabled,
    eject,
    inject,
    is_adapted,
    mark_trainable,
)
from lora.merge import delta_weight, merge, merge_and_eject, merged, unmerge
from tests.lora.models import FAMILIES, Family, config, generator, logits, tokens
from tests.lora.test_against_peft import loud

BERT, GPT2 = FAMILIES["bert"], FAMILIES["gpt2"]
METHODS: dict[str, dict[str, Any]] = {
    "dora": {"use_dora": True},
    "pissa": {"init": "pissa"},
    "both": {"use_dora": True, "init": "pissa"},
}
each_method = pytest.mark.parametrize("changes", METHODS.values(), ids=METHODS.keys())


def adapted(family: Family, changes: dict[str, Any], dtype: torch.dtype = torch.float32) -> Any:
    """A model whose adapter has moved away from its start, with a head that trains."""
    model = loud(family).to(dtype)
    inject(model, config(family.targets, task_type="SEQ_CLS", **changes), generator(0))
    mark_trainable(model, [family.head])
    move(model)
    return model


def move(model: nn.Module, scale: float = 0.2) -> None:
    draw = generator(7)
    with torch.no_grad():
        for parameter in adapter_parameters(model).values():
            parameter.add_(scale * torch.randn(parameter.shape, generator=draw))


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: x.detach().clone() for name, x in model.state_dict().items()}


@each_method
def test_the_start_is_the_base_and_ejecting_gives_it_back_to_the_bit(
    family: Family, changes: dict[str, Any]
) -> None:
    model, ids = loud(family), tokens()
    plain, weights = logits(model, ids), state(model)
    inject(model, config(family.targets, **changes), generator(0))
    if "init" in changes:  # rounded once more
        torch.testing.assert_close(logits(model, ids), plain, rtol=1e-4, atol=1e-5)
    else:
        assert torch.equal(logits(model, ids), plain)
    move(model)
    moved = logits(model, ids)
    assert (moved - plain).abs().max() > 0.01
    with disabled(model):
        assert torch.equal(logits(model, ids), plain)
        with disabled(model):
            assert torch.equal(logits(model, ids), plain)
    assert torch.equal(logits(model, ids), moved)
    merge(model)
    eject(model)  # merged as it is
    assert state(model).keys() == weights.keys()
    assert all(torch.equal(x, weights[name]) for name, x in state(model).items())


@each_method
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_merging_adds_in_fp32_casts_once_and_is_undone_to_the_bit(
    changes: dict[str, Any], dtype: torch.dtype
) -> None:
    model = adapted(BERT, changes, dtype)
    before = state(model)
    originals = {n: x.pretrained_weight().clone() for n, x in adapted_modules(model).items()}
    wide = torch.promote_types(dtype, torch.float32)
    with merged(model):
        for name, layer in adapted_modules(model).items():
            delta = delta_weight(layer)
            assert delta.dtype == torch.float32
            assert torch.equal(layer.base.weight, (originals[name].to(wide) + delta).to(dtype))
            with pytest.raises(RuntimeError, match="unmerge it before saving"):
                layer.state_dict()
        with pytest.raises(RuntimeError, match="unmerge it before saving"):
            extract(model)
    assert all(torch.equal(x, before[name]) for name, x in state(model).items())


@each_method
def test_merged_it_computes_the_same_and_stays_when_ejected(
    family: Family, changes: dict[str, Any]
) -> None:
    model, ids, plain = adapted(family, changes), tokens(), loud(family)
    before = logits(model, ids)
    with merged(model):
        torch.testing.assert_close(logits(model, ids), before, rtol=1e-4, atol=1e-5)
    assert torch.equal(logits(model, ids), before)
    merge_and_eject(model)
    assert not is_adapted(model)
    assert [type(m) for m in model.modules()] == [type(m) for m in plain.modules()]
    torch.testing.assert_close(logits(model, ids), before, rtol=1e-4, atol=1e-5)


@each_method
def test_extracted_it_gives_the_same_on_the_plain_base(
    family: Family, changes: dict[str, Any]
) -> None:
    model, ids = adapted(family, changes), tokens()
    adapter = extract(model, head_names=[family.head])
    assert adapter.config.init == "default"
    other = loud(family)
    attach(other, adapter, [family.head])
    torch.testing.assert_close(logits(other, ids), logits(model, ids), rtol=1e-4, atol=1e-5)
    for name, layer in adapted_modules(model).items():
        gpt2 = family.name == "gpt2"
        W0, expected = (
            x.T if gpt2 else x for x in (layer.pretrained_weight().detach(), delta_weight(layer))
        )
        torch.testing.assert_close(adapter.delta(name, W0), expected, rtol=1e-4, atol=1e-5)


@each_method
def test_exactly_the_adapter_and_the_head_train_in_fp32(
    family: Family, changes: dict[str, Any]
) -> None:
    model = adapted(family, changes, torch.bfloat16)
    factors = ["lora_A", "lora_B", *(["lora_magnitude_vector"] if "use_dora" in changes else [])]
    expected = {f"{name}.{factor}" for name in family.adapted for factor in factors}
    assert set(adapter_parameters(model)) == expected
    head = {f"{family.head}.{n}" for n, _ in model.get_submodule(family.head).named_parameters()}
    trainable = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert set(trainable) == expected | head
    assert {p.dtype for p in trainable.values()} == {torch.float32}


@each_method
def test_runs_together_equal_the_same_runs_alone(family: Family, changes: dict[str, Any]) -> None:
    ranks = (3, 3, 3) if "init" in changes else (1, 3, 2)
    configs = [
        config(family.targets, rank=rank, alpha=alpha, **changes)
        for rank, alpha in zip(ranks, (3.0, 4.5, 9.0), strict=True)
    ]
    together = loud(family)
    inject(together, configs, [generator(run) for run in range(3)])
    ids = tokens(rows=6)
    found, gradients = _stepped(together, ids, runs=3)
    for layer in adapted_modules(together).values():
        for run, rank in enumerate(ranks):
            assert not layer.lora_A[run, rank:].any()
            assert not layer.lora_B[run, :, rank:].any()
    for run, rank in enumerate(ranks):
        alone = loud(family)
        inject(alone, configs[run], generator(run))
        rows = slice(2 * run, 2 * run + 2)
        expected, own = _stepped(alone, ids[rows], runs=1)
        torch.testing.assert_close(found[rows], expected, rtol=1e-4, atol=1e-5)
        for name, gradient in own.items():
            cut = _of_rank(name, gradients[name][run], rank)
            torch.testing.assert_close(cut, gradient[0], rtol=1e-3, atol=1e-5)


def _stepped(model: Any, ids: Tensor, runs: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits and gradients after two steps of Adam."""
    own = adapter_parameters(model)
    optimizer = torch.optim.Adam(own.values(), lr=0.05)
    for _ in range(2):
        optimizer.zero_grad()
        _loss(model, ids).backward()
        optimizer.step()
    optimizer.zero_grad()
    _loss(model, ids).backward()
    return logits(model, ids), {name: p.grad for name, p in own.items()}


def _loss(model: Any, ids: Tensor) -> Tensor:
    found: Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    return found.sin().sum()


def _of_rank(name: str, gradient: Tensor, rank: int) -> Tensor:
    if name.endswith("lora_A"):
        return gradient[:rank]
    return gradient[:, :rank] if name.endswith("lora_B") else gradient


@each_method
def test_checkpointing_gives_the_gradient_it_has_without(changes: dict[str, Any]) -> None:
    found = []
    for checkpointing in (False, True):
        model = adapted(BERT, changes).train()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        if checkpointing:
            model.activation_checkpointing_enable()
        _loss(model, tokens()).backward()
        found.append({n: p.grad for n, p in adapter_parameters(model).items()})
    for name, gradient in found[0].items():
        assert gradient.abs().max() > 0
        torch.testing.assert_close(found[1][name], gradient)


@each_method
def test_a_step_leaves_the_frozen_weights_alone(changes: dict[str, Any]) -> None:
    model = adapted(BERT, changes)
    frozen = {n: p.detach().clone() for n, p in model.named_parameters() if not p.requires_grad}
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1)
    _loss(model, tokens()).backward()
    optimizer.step()
    for name, before in frozen.items():
        assert torch.equal(model.get_parameter(name), before)


@each_method
def test_a_second_adapter_or_a_merged_one_is_refused(changes: dict[str, Any]) -> None:
    model = adapted(BERT, changes)
    adapter = extract(model)
    with pytest.raises(ValueError, match="eject it before"):
        inject(model, config(**changes), generator(0))
    with pytest.raises(ValueError, match="eject it before"):
        attach(model, adapter)
    merge(model)
    with pytest.raises(ValueError, match="run 0 is merged already"):
        merge(model)
    with pytest.raises(RuntimeError, match="merged: unmerge"):
        load_into(model, adapter)
    unmerge(model)


@each_method
def test_runs_of_another_method_do_not_share_a_pass(changes: dict[str, Any]) -> None:
    model = BERT.build()
    with pytest.raises(ValueError, match=r"(use_dora|init): runs that train together share it"):
        inject(model, [config(), config(**changes)], [generator(0), generator(1)])
    assert not is_adapted(model)


@each_method
def test_chosen_columns_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"works on whole weights: columns must be None"):
        config(GPT2.targets, columns=((0, 16),), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [(METHODS["dora"], "DoRA needs the norms"), (METHODS["pissa"], "cannot be done in four bit")],
)
def test_a_base_in_four_bit_is_refused(changes: dict[str, Any], message: str) -> None:
    model = BERT.build()
    name = BERT.adapted[1]
    packed = type("Linear4bit", (nn.Linear,), {"__module__": "bitsandbytes.nn.modules"})(16, 16)
    model.set_submodule(name, packed)
    with pytest.raises(ValueError, match=f"target {name}: .*{message}"):
        inject(model, config(**changes), generator(0))
    assert not is_adapted(model)


def test_adapters_of_dora_are_not_added_up() -> None:
    adapter = extract(adapted(BERT, METHODS["dora"]))
    with pytest.raises(ValueError, match="use_dora: an update of DoRA is no product"):
        combine([(adapter, 0.5), (adapter, 0.5)])


def test_adapters_of_pissa_are_added_up_like_any_other() -> None:
    model = adapted(BERT, METHODS["pissa"])
    adapter = extract(model)
    total = combine([(adapter, 0.5), (adapter, 1.5)])
    for name, layer in adapted_modules(model).items():
        expected = 2 * delta_weight(layer)
        torch.testing.assert_close(total.delta(name), expected, rtol=1e-4, atol=1e-5)
