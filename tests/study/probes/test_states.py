"""The three kinds of states are what plain transformers gives on padded sentences."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertForSequenceClassification

from study.batches.feeds import TokenFeed
from study.models.packed import PackedClassifier
from study.probes.states import kinds, states
from tests.lora.models import Family
from tests.study import toys
from tests.study.toys import CPU, each_family, saved

READS_LAST = ("gpt2", "llama")


def plain_states(folder: Any, data: Any, split: str) -> tuple[Any, Tensor, Tensor]:
    """The model as anybody loads it, its last hidden states (n, longest, hidden), and the mask."""
    plain, chosen = toys.reference(folder), torch.arange(len(getattr(data, split)))
    inputs, _ = toys.padded(getattr(data, split), chosen, data.pad_token_id)
    with torch.no_grad():
        hidden = plain.base_model(**inputs).last_hidden_state
    return plain, hidden, inputs["attention_mask"].bool()


@each_family
def test_states_are_those_of_plain_transformers(family: Family) -> None:
    folder = saved(family.name)
    data = toys.prepared(train=30, pad=int(family.config.pad_token_id or 0))
    found = states(toys.load(folder), TokenFeed(data, 1, CPU), "train")
    plain, hidden, real = plain_states(folder, data, "train")
    last = real.sum(dim=1) - 1
    expected = {
        "first": hidden[:, 0],
        "last": hidden[torch.arange(len(hidden)), last],
        "mean": (hidden * real.unsqueeze(-1)).sum(dim=1) / real.sum(dim=1, keepdim=True),
    }
    kinds = ["last" if family.name in READS_LAST else "first", "mean"]
    if family.name == "bert":
        expected["pooled"] = plain.base_model.pooler(hidden)
        kinds.insert(0, "pooled")
    assert list(found) == kinds
    for kind, rows in found.items():
        torch.testing.assert_close(rows, expected[kind].detach(), atol=1e-5, rtol=1e-5)
        assert rows.dtype == torch.float32


def test_states_of_pairs_are_those_of_plain_transformers() -> None:
    data = toys.paired_data(toys.prepared(train=30))
    found = states(toys.load(saved("bert")), TokenFeed(data, 1, CPU), "train")
    _, hidden, _ = plain_states(saved("bert"), data, "train")
    torch.testing.assert_close(found["first"], hidden[:, 0], atol=1e-5, rtol=1e-5)


@each_family
def test_the_one_tokens_state_is_the_one_that_the_models_head_reads(family: Family) -> None:
    model = toys.load(saved(family.name))
    data = toys.prepared(pad=int(family.config.pad_token_id or 0))
    feed = TokenFeed(data, 1, CPU)
    found = states(model, feed, "validation")
    kind = "last" if family.name in READS_LAST else "first"
    classifier = PackedClassifier(copy.deepcopy(model), seeds=[0]).eval()
    for sentences, batch in feed.evaluation("validation", 1):
        with torch.no_grad():
            read = classifier.features(batch)[:, 0]
        torch.testing.assert_close(found[kind][sentences], read, atol=1e-6, rtol=1e-5)


def test_a_model_in_another_dtype_is_averaged_in_fp32() -> None:
    data = toys.prepared()
    feed = TokenFeed(data, 1, CPU)
    exact = states(toys.load(saved("bert")), feed, "test")["mean"]
    rounded = states(toys.load(saved("bert"), dtype=torch.bfloat16), feed, "test")["mean"]
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, rounded.bfloat16().float())
    assert (rounded - exact).abs().max() < 0.05 * exact.abs().max()


@pytest.mark.parametrize("pooler", [True, False])
def test_bert_without_a_pooler_has_no_pooled_states(pooler: bool) -> None:
    model = BertForSequenceClassification(BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        vocab_size=30,
    ))  # fmt: skip
    if not pooler:
        model.bert.pooler = None
    assert kinds(model) == (("pooled",) if pooler else ()) + ("first", "mean")
