"""The count of a step's operations, against a closed form and against real batches."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoModelForSequenceClassification,
    BartConfig,
    BertConfig,
    LlamaConfig,
    MixtralConfig,
)

from lora.config import LoRAConfig
from lora.inject import inject, mark_trainable
from study.analyses.operations.flops import inference_flops, training_flops
from study.entry.errors import StudyError
from tests.lora.models import FAMILIES, Family, config
from tests.study.analyses.cost.bert_flops import Encoder, step_flops
from tests.study.toys import each_family

SENTENCES, LENGTH, RANK, LABELS = 3, 7, 4, 5
TOKENS, SQUARES = SENTENCES * LENGTH, SENTENCES * LENGTH**2
BERT = BertConfig(
    vocab_size=30,
    hidden_size=16,
    num_hidden_layers=3,
    num_attention_heads=2,
    intermediate_size=24,
)


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
def test_a_bert_counts_what_the_closed_form_gives(
    method: str, targets: tuple[str, ...], layers: tuple[int, ...] | None
) -> None:
    adapter = LoRAConfig(RANK, 1.0, targets, layers) if method == "lora" else None
    encoder = Encoder(3, 16, 24, LABELS, RANK, targets, layers or (0, 1, 2))
    counted = training_flops(BERT, LABELS, method, adapter)
    for sentences, tokens, squares in ((1, 5, 25), (2, 9, 41), (SENTENCES, TOKENS, SQUARES)):
        expected = step_flops(encoder, method, sentences, tokens, squares)
        assert counted.of(sentences, tokens, squares) == expected


@each_family
@pytest.mark.parametrize("method", ["full", "head_only", "lora"])
def test_a_step_of_any_model_counts_what_a_batch_of_it_does(family: Family, method: str) -> None:
    """A batch of several sentences with real weights, counted as it runs."""
    settings = copy.deepcopy(family.config)
    settings.num_labels = LABELS
    model = AutoModelForSequenceClassification.from_config(settings, attn_implementation="eager")
    if method == "lora":
        inject(model, config(family.targets), torch.Generator())
    if method == "head_only":
        model.requires_grad_(False)
    if method != "full":  # DistilBERT's head has two layers
        base = model.base_model_prefix
        mark_trainable(model, [n for n, m in model.named_children() if n != base and _weighty(m)])
    ids = torch.randint(5, 30, (SENTENCES, LENGTH))
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, labels=torch.zeros(SENTENCES, dtype=torch.int64)).loss.backward()
    adapter = config(family.targets) if method == "lora" else None
    counted = training_flops(family.config, LABELS, method, adapter)
    assert counted.of(SENTENCES, TOKENS, SQUARES) == counter.get_total_flops()


def _weighty(module: torch.nn.Module) -> bool:
    return any(True for _ in module.parameters())


@each_family
def test_inference_is_the_forward_pass_and_an_adapter_adds_its_two_products(family: Family) -> None:
    plain = inference_flops(family.config, LABELS)
    adapted = inference_flops(family.config, LABELS, config(family.targets))
    model = family.build()
    layers = [model.get_submodule(name) for name in family.adapted]
    sizes = sum(sum(layer.weight.shape) for layer in layers)
    added = adapted.of(1, 10, 100) - plain.of(1, 10, 100)
    assert added == 10 * 2 * config().rank * sizes
    assert plain.of(1, 10, 100) < training_flops(family.config, LABELS, "full").of(1, 10, 100) / 2


def test_the_configuration_is_left_as_it_was() -> None:
    before = FAMILIES["gpt2"].config.to_dict()
    training_flops(FAMILIES["gpt2"].config, 7, "full")
    assert FAMILIES["gpt2"].config.to_dict() == before


def test_targets_that_are_not_there_are_an_error() -> None:
    with pytest.raises(StudyError, match=r"lora: target 'q_lin' matches no module"):
        training_flops(BERT, LABELS, "lora", LoRAConfig(RANK, 1.0, ("q_lin",)))


SIZES = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 24}


def test_experts_count_though_they_have_no_place_on_the_meta_device() -> None:
    """Two of four experts a token: by hand, 3 products of 16 x 24 each in either layer."""
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1}
    mixture = MixtralConfig(**SIZES, **heads, num_local_experts=4, num_experts_per_tok=2)
    dense = LlamaConfig(**SIZES, **heads)
    router, mlp = 2 * 16 * 4, 3 * 2 * 16 * 24
    found, plain = (inference_flops(each, LABELS) for each in (mixture, dense))
    assert found.per_token == plain.per_token + 2 * (router + mlp)  # one expert more than a Llama
    assert found.per_pair == plain.per_pair


def test_an_encoder_and_decoder_that_looks_for_the_end_is_counted() -> None:
    bart = BartConfig(
        vocab_size=60, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24,
    )  # fmt: skip
    found = inference_flops(bart, LABELS)
    # Encoder: 4 projections and 2 of 24; decoder: 8 and 2 of 24.
    assert found.per_token == 2 * (12 * 16 * 16 + 4 * 16 * 24)
    assert training_flops(bart, LABELS, "full").per_token == 3 * found.per_token
