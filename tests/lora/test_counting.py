"""Parameter counts from configurations alone, against the seed documents' tables."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import LlamaConfig, RobertaConfig

from lora.counting import count_parameters, lora_parameter_count
from lora.inject import inject, mark_trainable
from tests.lora.models import FAMILIES, adapted, config, generator

HEAD = 2 * 768 + 2  # a linear head on RoBERTa-base with two classes


def test_roberta_base_on_query_and_value():
    assert lora_parameter_count(RobertaConfig(), ("query", "value"), 4) == 147_456


@pytest.mark.parametrize(
    ("rank", "trainable"), [(1, 38_402), (2, 75_266), (4, 148_994), (8, 296_450)]
)
def test_roberta_base_with_a_linear_head(rank, trainable):
    assert lora_parameter_count(RobertaConfig(), ("query", "value"), rank) + HEAD == trainable


@pytest.mark.parametrize(
    ("rank", "count"), [(4, 32_768), (8, 65_536), (16, 131_072), (32, 262_144), (64, 524_288)]
)
def test_one_matrix_of_4096_by_4096(rank, count):
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(4096, 4096, bias=False))
    assert lora_parameter_count(model, ("0",), rank) == count


def test_llama_7b_on_query_and_value():
    seven_billion = LlamaConfig(
        hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008
    )
    assert lora_parameter_count(seven_billion, ("q_proj", "v_proj"), 8) == 4_194_304


def test_a_config_and_a_model_count_alike(family):
    bare = lora_parameter_count(family.config, family.targets, 3)
    assert bare == lora_parameter_count(family.build(), family.targets, 3)
    assert bare == count_parameters(adapted(family)).adapter


def test_counts_are_what_requires_grad_says(family):
    counts = count_parameters(adapted(family))
    model = adapted(family)
    assert counts.trainable == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert counts.head == sum(p.numel() for p in model.get_submodule(family.head).parameters())
    assert counts.total == sum(p.numel() for p in family.build().parameters())


def test_the_padding_of_mixed_ranks_is_not_counted():
    family = FAMILIES["bert"]
    model = family.build()
    inject(model, [config(rank=r) for r in (1, 8)], [generator(0), generator(1)])
    mark_trainable(model, ["classifier"])
    for run, rank in enumerate((1, 8)):
        assert count_parameters(model, run).adapter == lora_parameter_count(
            family.config, family.targets, rank
        )


def test_a_rank_above_the_size_is_refused():
    with pytest.raises(ValueError, match="rank 17"):
        lora_parameter_count(FAMILIES["bert"].config, ("query",), 17)
