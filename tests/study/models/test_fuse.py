"""Which layers are fused: those of exactly BERT's form, and no others."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from transformers import XmodConfig, XmodModel

from study.batches.packing import pack
from study.models.fused_layer import fuse, picks_readout
from study.models.packed import PackedClassifier
from tests.lora.models import FAMILIES
from tests.rounding import LOGIT_ROUNDINGS, check_near
from tests.study import toys
from tests.study.fused_case import Case, bert, distance, factors_alone
from tests.study.toys import saved


def fused_layers(model: nn.Module) -> int:
    """Count the modules whose forward is not their class's own."""
    return sum("forward" in vars(module) for module in model.modules())


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_bert_and_its_kin(name: str) -> None:
    model = toys.load(saved(name))
    assert fused_layers(model) == 2
    assert picks_readout(model)


@pytest.mark.parametrize("name", sorted(FAMILIES.keys() - {"bert", "roberta"}))
def test_other_families_are_left_alone(name: str) -> None:
    model = toys.load(saved(name))
    assert fused_layers(model) == 0
    assert not picks_readout(model)


@pytest.mark.parametrize(
    ("changes", "layers"),
    [
        ({}, 2),
        ({"hidden_act": "relu"}, 0),
        ({"hidden_act": "gelu_new"}, 0),
        ({"is_decoder": True}, 0),
        ({"is_decoder": True, "add_cross_attention": True}, 0),
    ],
    ids=str,
)
def test_other_berts_are_left_alone(changes: dict[str, Any], layers: int) -> None:
    assert fused_layers(bert(**changes)) == layers


def test_a_model_whose_last_layer_is_left_alone_computes_the_same() -> None:
    model = toys.load(saved("bert"))
    data = toys.split(8, seed=2)
    batch = pack(data, [torch.arange(8).flip(0)], 0, 2)
    expected = PackedClassifier(model, [0])(batch)
    for layer in model.bert.encoder.layer:
        del layer.forward
    model.bert.encoder.layer[-1].output.dropout = nn.Identity()  # of no known form
    fuse(model)
    assert fused_layers(model) == 1
    assert not picks_readout(model)
    check_near(PackedClassifier(model, [0])(batch), expected, LOGIT_ROUNDINGS)


def test_a_layer_with_further_parts_is_left_alone() -> None:
    """X-MOD's layers have BERT's parts and language adapters behind them."""
    words = FAMILIES["roberta"].config.to_diff_dict() | {"default_language": "en_XX"}
    words.pop("model_type", None)
    model = XmodModel(XmodConfig(**words))
    fuse(model)
    assert fused_layers(model) == 0


def test_a_copy_is_fused_with_its_own_weights() -> None:
    case = factors_alone(Case(torch.bfloat16))
    before = case.fused().detach()
    case.layer = copy.deepcopy(case.layer)
    assert torch.equal(case.fused(), before)
    with torch.no_grad():
        case.layer.output.dense.weight.neg_()
    assert distance(case.fused(), before) > 0.1
