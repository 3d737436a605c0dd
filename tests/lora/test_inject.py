"""Injection freezes, wraps exactly what was asked, and can be undone."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from lora.inject import (
    adapted_modules,
    adapter_parameters,
    disabled,
    eject,
    inject,
    mark_trainable,
)
from tests.lora.models import FAMILIES, adapted, config, generator, logits, randomise, tokens

BERT = FAMILIES["bert"]


def trainable(model) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_exactly_the_factors_and_the_head_are_trainable(family):
    model = adapted(family)
    head = {
        f"{family.head}.{name}"
        for name, _ in family.build().get_submodule(family.head).named_parameters()
    }
    factors = {f"{name}.{factor}" for name in family.adapted for factor in ("lora_A", "lora_B")}
    # DistilBERT's pre_classifier and BERT's pooler stay frozen.
    assert trainable(model) == factors | head
    assert set(adapter_parameters(model)) == factors


def test_a_fresh_adapter_changes_nothing(family):
    model, ids = family.build(), tokens()
    before = logits(model, ids)
    names = inject(model, config(family.targets), generator(0))
    assert names == family.adapted == tuple(adapted_modules(model))
    assert torch.equal(logits(model, ids), before)
    randomise(model)
    assert not torch.allclose(logits(model, ids), before)


def test_ejecting_gives_back_the_same_modules_and_weights(family):
    model, ids = family.build(), tokens()
    model.requires_grad_(True)
    model.get_submodule(family.adapted[0]).weight.requires_grad_(False)
    before = logits(model, ids)
    modules, flags = dict(model.named_modules()), trainable(model)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for _ in range(2):  # an ejected model can be adapted again
        inject(model, config(family.targets), generator(0))
        randomise(model)
        eject(model)
    assert all(module is modules[name] for name, module in model.named_modules())
    assert model.state_dict().keys() == state.keys()
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(logits(model, ids), before)
    assert trainable(model) == flags


def test_a_second_injection_is_refused():
    model = BERT.build()
    inject(model, config(), generator(0))
    with pytest.raises(ValueError, match="adapter already: eject"):
        inject(model, config(["key"]), generator(0))
    # and nothing was wrapped by the attempt
    assert tuple(adapted_modules(model)) == BERT.adapted


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"rank": 17},
            r"rank 17 is above what bert\.encoder.*16 inputs and 16 outputs, so 1 to 16",
        ),
        ({"rank_pattern": {"value": 17}}, r"rank 17 is above what .*value allows"),
        ({"targets": ("q_proj",)}, "matches no module"),
        ({"layers": (2,)}, "layers 2"),
        ({"columns": ((0, 17),)}, "columns"),
    ],
)
def test_nothing_is_changed_when_an_injection_is_refused(changes, message):
    model = BERT.build()
    before = dict(model.named_modules()), trainable(model)
    with pytest.raises(ValueError, match=message):
        inject(model, config(**changes), generator(0))
    assert (dict(model.named_modules()), trainable(model)) == before


def test_runs_share_what_they_must():
    with pytest.raises(ValueError, match=r"dropout: runs that train together share it.*0\.0 and 0"):
        inject(BERT.build(), [config(), config(dropout=0.1)], [generator(0), generator(1)])
    with pytest.raises(ValueError, match="2 configs and 1 generators"):
        inject(BERT.build(), [config(), config()], generator(0))


def test_a_models_runs_equal_the_same_adapters_alone(family):
    ids = tokens(rows=6)
    model = family.build()
    configs = [config(family.targets, rank=rank, alpha=float(rank + 1)) for rank in (1, 4, 2)]
    inject(model, configs, [generator(seed) for seed in (10, 11, 12)])
    randomise(model)
    for layer in adapted_modules(model).values():
        for run, rank in enumerate(layer.ranks):
            layer.lora_B.data[run, :, rank:] = 0
    together = logits(model, ids)
    for run, own in enumerate(configs):
        alone = family.build()
        inject(alone, own, generator(10 + run))
        for name, layer in adapted_modules(alone).items():
            shared = adapted_modules(model)[name]
            assert torch.equal(layer.lora_A[0], shared.lora_A[run, : own.rank])
            layer.lora_B.data[0] = shared.lora_B[run, :, : own.rank]
        torch.testing.assert_close(
            logits(alone, ids[2 * run : 2 * run + 2]),
            together[2 * run : 2 * run + 2],
            rtol=1e-5,
            atol=1e-6,
        )


def test_a_runs_factors_depend_on_its_own_generator_alone():
    alone, among = BERT.build(), BERT.build(seed=3)
    inject(alone, config(rank=4), generator(5))
    inject(among, [config(rank=8), config(rank=4)], [generator(1), generator(5)])
    for name, layer in adapted_modules(alone).items():
        assert torch.equal(adapted_modules(among)[name].lora_A[1, :4], layer.lora_A[0])


def test_injecting_leaves_the_global_generator_alone():
    model = BERT.build()
    state = torch.get_rng_state()
    inject(model, config(), generator(0))
    mark_trainable(model, ["classifier"])
    assert torch.equal(torch.get_rng_state(), state)


def test_the_models_own_initialisation_leaves_the_factors_alone(family):
    model = adapted(family)
    before = {name: p.detach().clone() for name, p in adapter_parameters(model).items()}
    model.init_weights()
    for name, parameter in adapter_parameters(model).items():
        assert torch.equal(parameter, before[name])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_everything_that_trains_is_fp32_whatever_the_base(family, dtype):
    model = family.build().to(dtype)
    inject(model, config(family.targets), generator(0))
    mark_trainable(model, [family.head])
    randomise(model)
    output = model(input_ids=tokens(), labels=torch.tensor([0, 1, 0, 1]))
    output.loss.backward()
    for parameter in model.parameters():
        if parameter.requires_grad:
            assert parameter.dtype == parameter.grad.dtype == torch.float32
        else:
            assert parameter.dtype == dtype


def test_checkpointing_gives_every_factor_the_gradient_it_has_without(family):
    ids, labels = tokens(), torch.tensor([0, 1, 0, 1])
    gradients = []
    for checkpointing in (False, True):
        model = adapted(family).train()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        model.config.use_cache = False
        if checkpointing:
            model.activation_checkpointing_enable()
            assert model.is_activation_checkpointing
        model(input_ids=ids, labels=labels).loss.backward()
        gradients.append({n: p.grad for n, p in adapter_parameters(model).items()})
    for name, gradient in gradients[0].items():
        assert gradient.any(), name
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-5, atol=1e-7)


def test_disabled_is_the_base_and_ends_with_the_block():
    model, ids = BERT.build(), tokens()
    before = logits(model, ids)
    inject(model, config(), generator(0))
    randomise(model)
    with disabled(model):
        assert torch.equal(logits(model, ids), before)
    assert not torch.allclose(logits(model, ids), before)


def test_the_base_is_unchanged_by_a_training_step():
    model = adapted(BERT).train()
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.01)
    model(input_ids=tokens(), labels=torch.tensor([0, 1, 0, 1])).loss.backward()
    optimizer.step()
    changed = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert changed == trainable(model)


def test_a_copy_of_an_adapted_model_is_a_model_of_its_own():
    model, ids = adapted(BERT), tokens()
    twin = copy.deepcopy(model)
    assert torch.equal(logits(twin, ids), logits(model, ids))
    eject(twin)
    assert tuple(adapted_modules(model)) == BERT.adapted


def test_a_head_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"head 'score' is no module .*\['bert', 'classifier'"):
        mark_trainable(BERT.build(), ["score"])
    with pytest.raises(ValueError, match="has no parameters"):
        mark_trainable(BERT.build(), ["dropout"])
    with pytest.raises(ValueError, match="no adapter: inject"):
        eject(BERT.build())
