"""What the linear probe costs: against closed forms, and against a pass of the real encoder."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForSequenceClassification

from study.analyses.cost.probe import encoder_flops, probe_cost
from study.analyses.operations.flops import inference_flops
from tests.lora.models import FAMILIES, Family
from tests.study import toys
from tests.study.analyses.cost.test_flops import BERT
from tests.study.fake_records import HIDDEN, fake_arm, fake_probe
from tests.study.toys import each_family

LENGTHS = torch.tensor([3.0, 5.0, 8.0])  # tokens of three sentences
SUMS = (3, 16.0, 98.0)  # sentences, tokens, squared lengths


def test_a_pass_of_a_bert_is_its_inference_without_the_head() -> None:
    head = 2 * BERT.hidden_size * 5
    whole, encoder = inference_flops(BERT, 5), encoder_flops(BERT)
    assert whole.of(*SUMS) - encoder.of(*SUMS) == 3 * head
    assert encoder.alone.per_sentence == 2 * BERT.hidden_size**2  # the pooler


@each_family
def test_a_pass_of_any_encoder_counts_what_the_real_one_does(family: Family) -> None:
    kind = AutoModelForSequenceClassification
    encoder = kind.from_config(family.config, attn_implementation="eager").base_model
    with FlopCounterMode(display=False) as counter:
        encoder(input_ids=torch.randint(5, 30, (2, 7)))
    assert encoder_flops(family.config).of(2, 14, 98) == counter.get_total_flops()


@pytest.mark.parametrize(("classes", "vectors"), [(2, 1), (5, 5)])
def test_every_cell_of_the_row(classes: int, vectors: int) -> None:
    beside = fake_arm("head_only", num_sentences=200, num_classes=classes)
    probe = dataclasses.replace(fake_probe(beside), total_parameters=vectors * (HIDDEN + 1) * 100)
    passed = encoder_flops(FAMILIES["bert"].config).of(*SUMS)
    found = probe_cost(probe, str(toys.saved("bert")), LENGTHS, [6.0], 0.95)
    assert found["trainable_parameters"] == vectors * (HIDDEN + 1)
    assert found["trainable_share"] == pytest.approx(0.01)
    assert found["storage_bytes"] == 4 * vectors * (HIDDEN + 1)
    assert found["training_flops"] == passed
    assert found["flops_per_token"] == pytest.approx(passed / 16)
    product = 3 * 2 * HIDDEN * vectors
    assert found["inference_flops_per_token"] == pytest.approx((passed + product) / 16)
    assert found["optimizer_state_bytes"] is None
    assert found["mergeable"] is None
    assert found["low"] < found["test_accuracy"] == probe.parts().mean() < found["high"]
