"""Targets reach what they name and nothing else, or say what there is."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import GPT2LMHeadModel

from lora.inject import inject
from lora.targets import find_targets, layer_index, peft_reach
from tests.lora.models import FAMILIES, config, generator

BERT = FAMILIES["bert"]


def test_a_suffix_reaches_exactly_the_layers_projections(family):
    assert tuple(find_targets(family.build(), family.targets)) == family.adapted


@pytest.mark.parametrize(
    "pattern",
    [
        "self.query",
        "glob:*.self.query",
        r"regex:bert\.encoder\.layer\.\d+\.attention\.self\.query",
    ],
)
def test_longer_suffixes_and_marked_patterns(pattern):
    expected = [name for name in BERT.adapted if name.endswith("query")]
    assert find_targets(BERT.build(), [pattern]) == expected


def test_the_order_is_the_models_whatever_the_patterns():
    model = BERT.build()
    assert find_targets(model, ["value", "query"]) == list(BERT.adapted)
    assert find_targets(model, [*reversed(BERT.adapted), "query"]) == list(BERT.adapted)


def test_suffixes_match_whole_components():
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query = nn.Linear(4, 4)
            self.pre_query = nn.Linear(4, 4)

    model = nn.Module()
    model.layers = nn.ModuleList([Layer(), Layer()])
    assert find_targets(model, ["query"]) == ["layers.0.query", "layers.1.query"]
    with pytest.raises(ValueError, match=r"did you mean .*'query'"):
        find_targets(model, ["uery"])


@pytest.mark.parametrize("pattern", ["dense", "glob:*dense", "regex:.*dense", "glob:*"])
def test_poolers_and_heads_are_never_swept_up(pattern):
    found = find_targets(BERT.build(), [pattern])
    assert len([name for name in found if name.endswith("dense")]) == 6
    assert "bert.pooler.dense" not in found
    assert "classifier" not in found


def test_what_stands_outside_the_layers_is_reached_by_its_full_name():
    model = BERT.build()
    assert find_targets(model, ["bert.pooler.dense"]) == ["bert.pooler.dense"]
    assert find_targets(model, ["classifier"]) == ["classifier"]
    with pytest.raises(ValueError, match=r"name it in full: bert\.pooler\.dense"):
        find_targets(model, ["pooler.dense"])


def test_a_pattern_without_a_match_names_what_there_is():
    with pytest.raises(
        ValueError, match=r"'q_proj' matches no module; the layers have dense \(6\)"
    ):
        find_targets(BERT.build(), ["value", "q_proj"])
    with pytest.raises(ValueError, match=r"did you mean 'query'"):
        find_targets(BERT.build(), ["qeury"])
    with pytest.raises(ValueError, match=r"attention\.output\.LayerNorm is a LayerNorm"):
        find_targets(BERT.build(), ["output.LayerNorm"])
    with pytest.raises(ValueError, match=r"'regex:\(' is no regular expression"):
        find_targets(BERT.build(), ["regex:("])


def test_layers_restrict_and_must_exist():
    model = BERT.build()
    assert find_targets(model, ["query"], layers=[1]) == [BERT.adapted[2]]
    assert "bert.pooler.dense" in find_targets(model, ["query", "bert.pooler.dense"], layers=[1])
    with pytest.raises(ValueError, match=r"layers 2: .* layer indices 0 to 1"):
        find_targets(model, ["query"], layers=[0, 2])
    with pytest.raises(ValueError, match="matches no module in layers"):
        find_targets(model, [BERT.adapted[0], "value"], layers=[1])


def test_a_tied_weight_is_refused():
    model = GPT2LMHeadModel(FAMILIES["gpt2"].config)
    for name in ("lm_head", "meta"):
        if name == "meta":
            with torch.device("meta"):
                model = GPT2LMHeadModel(FAMILIES["gpt2"].config)
            model.lm_head.weight = model.transformer.wte.weight
        with pytest.raises(ValueError, match=r"lm_head: .*shared with transformer\.wte\.weight"):
            find_targets(model, ["lm_head"])


def test_one_module_under_two_names_is_refused():
    model = nn.Module()
    model.layers = nn.ModuleList([nn.Linear(4, 4)] * 2)
    with pytest.raises(ValueError, match=r"layers\.0: its weight is shared with layers\.1\.weight"):
        find_targets(model, ["0"])


def test_weights_that_overlap_in_memory_are_refused_and_neighbours_in_one_storage_are_not():
    model = nn.Module()
    model.layers = nn.ModuleList(nn.Linear(4, 4, bias=False) for _ in range(3))
    storage = torch.zeros(64)
    for i, start in enumerate((0, 16, 24)):  # as a mapped checkpoint has them; the last overlaps
        model.layers[i].weight = nn.Parameter(storage[start : start + 16].view(4, 4))
    assert find_targets(model, ["layers.0"]) == ["layers.0"]
    with pytest.raises(ValueError, match=r"layers\.1: its weight is shared with layers\.2\.weight"):
        find_targets(model, ["layers.1"])


def test_a_quantised_target_is_refused():
    model = BERT.build()
    query = model.get_submodule(BERT.adapted[0])
    query.weight = nn.Parameter(query.weight.detach().to(torch.int8), requires_grad=False)
    with pytest.raises(ValueError, match=f"target {BERT.adapted[0]}: .*quantised"):
        find_targets(model, ["query"])


class InTwoSteps(nn.Linear):
    def forward(self, input):
        product = input @ self.weight.T
        return product if self.bias is None else product + self.bias


class Rounded(nn.Linear):
    def forward(self, input):
        return nn.functional.linear(input, self.weight.round(), self.bias)


class StoppedGradient(nn.Linear):
    def forward(self, input):
        return super().forward(input.detach()) + 0 * input.sum()


class InTraining(nn.Linear):
    def forward(self, input):
        return super().forward(input) * (2 if self.training else 1)


class WithAPart(InTwoSteps):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.more = nn.Linear(*sizes)


class WithAScale(InTwoSteps):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.register_buffer("scale", torch.ones(sizes[1]))


def holding(layer):
    model = nn.Module()
    model.layers = nn.ModuleList([nn.ModuleDict({"query": layer})])
    return model


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_subclass_that_computes_the_same_product_is_a_linear_layer(device, bias):
    layer = InTwoSteps(8, 6, bias, device=device)
    before = dict(vars(layer))
    assert find_targets(holding(layer), ["query"]) == ["layers.0.query"]
    assert vars(layer) == before
    assert layer.weight.shape == (6, 8)


@pytest.mark.parametrize("kind", [Rounded, StoppedGradient, InTraining, WithAPart, WithAScale])
def test_a_subclass_that_computes_something_else_is_refused_by_name(kind):
    with pytest.raises(ValueError, match=rf"layers\.0\.query: .*{kind.__name__} is neither .*else"):
        find_targets(holding(kind(8, 6)), ["query"])


def test_peft_would_adapt_the_same_modules(family):
    from peft import LoraConfig, get_peft_model

    for targets, layers in ((family.targets, None), (family.targets[-1:], [1])):
        peft = get_peft_model(
            family.build(),
            LoraConfig(
                r=2,
                target_modules=list(targets),
                layers_to_transform=layers,
                fan_in_fan_out=family.name == "gpt2",
            ),
        )
        assert peft_reach(family.build(), targets, layers) == set(peft.targeted_module_names)
    assert "bert.pooler.dense" in peft_reach(BERT.build(), ["dense"], None)


def test_an_adapted_model_has_no_plain_targets_left():
    model = BERT.build()
    inject(model, config(), generator(0))
    with pytest.raises(ValueError, match="adapted already"):
        find_targets(model, ["query"])


def test_all_linear_is_what_peft_takes_for_it_in_the_base_model(family):
    model = family.build()
    config = LoraConfig(target_modules="all-linear", r=2)
    adapted = {
        name.removeprefix("base_model.model.").removesuffix(".lora_A")
        for name, _ in get_peft_model(family.build(), config).named_modules()
        if name.endswith(".lora_A")
    }
    base = f"{model.base_model_prefix}."
    assert find_targets(model, ["all-linear"]) == [
        name for name, _ in model.named_modules() if name in adapted and name.startswith(base)
    ]


def test_all_linear_of_some_layers_leaves_what_stands_in_none():
    names = find_targets(BERT.build(), ["all-linear"], layers=[1])
    assert {layer_index(name) for name in names} == {1}
    assert len(names) == 6
