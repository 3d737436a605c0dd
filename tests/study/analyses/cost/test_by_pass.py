"""What a pass computes once is counted once, against real passes."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoModelForSequenceClassification,
    DebertaConfig,
    DebertaV2Config,
    PretrainedConfig,
)

from lora.config import LoRAConfig
from lora.inject import inject, mark_trainable
from study.analyses.cost.by_pass import ByPass, inference_by_pass, training_by_pass
from study.analyses.cost.probe import encoder_flops
from study.analyses.operations.flops import Flops
from tests.lora.models import Family, config
from tests.study.toys import each_family

RANK, LABELS = 4, 5
SIZES = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 24}

RELATIVE = {
    "num_attention_heads": 2, "relative_attention": True, "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False, "max_relative_positions": 16,
}  # fmt: skip


each_table = pytest.mark.parametrize(
    "relative",
    [
        DebertaV2Config(**SIZES, **RELATIVE, position_buckets=4, share_att_key=True),
        DebertaV2Config(**SIZES, **RELATIVE),
        DebertaConfig(**SIZES, **RELATIVE),
    ],
    ids=["shared keys", "keys of positions", "a table as long as the sentence"],
)
BATCHES = ((3, 7), (2, 5))  # sentences and their tokens, of two passes
SUMS = 5, 3 * 7 + 2 * 5, 3 * 7**2 + 2 * 5**2


@each_table
@pytest.mark.parametrize("method", ["full", "lora"])
def test_relative_positions_are_projected_once_a_pass(
    relative: PretrainedConfig, method: str
) -> None:
    """Two passes, of three sentences and of two, counted as they run."""
    targets = ("in_proj",) if relative.model_type == "deberta" else ("query_proj", "value_proj")
    adapter = LoRAConfig(RANK, 1.0, targets) if method == "lora" else None
    made = copy.deepcopy(relative)
    made.num_labels = LABELS
    model = AutoModelForSequenceClassification.from_config(made)
    if adapter is not None:
        inject(model, adapter, torch.Generator())
        mark_trainable(model, ["pooler", "classifier"])
    with FlopCounterMode(display=False) as counter:
        for sentences, length in BATCHES:
            ids = torch.randint(5, 30, (sentences, length))
            model(input_ids=ids, labels=torch.zeros(sentences, dtype=torch.int64)).loss.backward()
    counted = training_by_pass(relative, LABELS, method, adapter)
    found = counted.of(*SUMS, [7, 5])
    assert found == counter.get_total_flops()


@each_table
def test_so_are_they_without_gradients(relative: PretrainedConfig) -> None:
    made = copy.deepcopy(relative)
    made.num_labels = LABELS
    model = AutoModelForSequenceClassification.from_config(made)
    whole, encoder = (
        sum(_forward(part, *batch) for batch in BATCHES) for part in (model, model.base_model)
    )
    assert inference_by_pass(relative, LABELS).of(*SUMS, [7, 5]) == whole
    assert encoder_flops(relative).of(*SUMS, [7, 5]) == encoder


def _forward(model: torch.nn.Module, sentences: int, length: int) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(input_ids=torch.randint(5, 30, (sentences, length)))
    return int(counter.get_total_flops())


@each_family
def test_most_models_share_nothing(family: Family) -> None:
    adapter = config(family.targets)
    counts = (
        partial(training_by_pass, method="full"),
        partial(training_by_pass, method="lora", adapter=adapter),
        partial(inference_by_pass, adapter=adapter),
    )
    for count in counts:
        assert count(family.config, LABELS).once == Flops(0, 0, 0)


def test_a_step_that_reads_features_alone_takes_no_pass() -> None:
    counted = ByPass(Flops(100, 10, 1), Flops(60, 3, 0))
    assert counted.of(2, 0, 0) == 2 * 40
    assert counted.of(2, 9, 41, [5]) == 2 * 40 + 9 * 7 + 41 + 60 + 5 * 3
