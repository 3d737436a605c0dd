"""The count of a step's operations, against torch's own counter on sentences of one length."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertForSequenceClassification, DistilBertConfig

from benchmarks.flops import Encoder, step_flops
from study.errors import StudyError

SENTENCES, LENGTH, RANK, LABELS = 3, 7, 4, 5
CONFIG = BertConfig(
    vocab_size=30,
    hidden_size=16,
    num_hidden_layers=3,
    num_attention_heads=2,
    intermediate_size=24,
    num_labels=LABELS,
    attn_implementation="eager",
)


def counted_by_torch(method: str, targets: tuple[str, ...], layers: tuple[int, ...] | None) -> int:
    model = BertForSequenceClassification(CONFIG)
    if method == "head_only":
        model.bert.requires_grad_(False)
    if method == "lora":
        model = get_peft_model(
            model,
            LoraConfig(
                task_type="SEQ_CLS",
                r=RANK,
                target_modules=list(targets),
                layers_to_transform=None if layers is None else list(layers),
            ),
        )
    ids = torch.randint(5, 30, (SENTENCES, LENGTH))
    labels = torch.zeros(SENTENCES, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, labels=labels).loss.backward()
    return counter.get_total_flops()


def counted_here(method: str, targets: tuple[str, ...], layers: tuple[int, ...] | None) -> float:
    encoder = Encoder.of(CONFIG, LABELS, RANK, targets, layers)
    tokens = SENTENCES * LENGTH
    return step_flops(encoder, method, SENTENCES, tokens, tokens * LENGTH)


@pytest.mark.parametrize(
    ("method", "targets", "layers"),
    [
        ("full", ("query", "value"), None),
        ("head_only", ("query", "value"), None),
        ("lora", ("query", "value"), None),
        ("lora", ("key",), None),
        ("lora", ("value",), None),
        ("lora", ("query", "key", "value"), None),
        ("lora", ("query", "value"), (1,)),
        ("lora", ("value",), (0, 2)),
    ],
)
def test_a_step_counts_what_torch_counts(
    method: str, targets: tuple[str, ...], layers: tuple[int, ...] | None
) -> None:
    assert counted_here(method, targets, layers) == counted_by_torch(method, targets, layers)


def test_other_modules_and_other_models_are_refused() -> None:
    with pytest.raises(StudyError, match=r"lora\.target_modules.*dense.*query, key, value"):
        Encoder.of(CONFIG, LABELS, RANK, ("dense",), None)
    with pytest.raises(StudyError, match=r"model\.name.*BERT-like"):
        Encoder.of(DistilBertConfig(), LABELS, RANK, ("query",), None)
