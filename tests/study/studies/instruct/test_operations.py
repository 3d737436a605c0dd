"""Operations of a language model's training: counted by hand, and of a model of several stacks."""

from __future__ import annotations

from typing import Any

from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedModel

from checks.families.shrinking import small_config
from study.studies.instruct.training.operations import (
    FROZEN,
    TRAINED,
    epoch_operations,
    output_weights,
)
from tests.study.studies.instruct import toys


def counted(model: PreTrainedModel, head: int) -> int:
    return epoch_operations(model, toys.split(5), lambda _: None, head)


def test_a_llama_takes_what_its_matrices_say() -> None:
    sizes: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
    heads: dict[str, Any] = {"num_attention_heads": 2, "num_key_value_heads": 2}
    model = AutoModelForCausalLM.from_config(LlamaConfig(vocab_size=300, **sizes, **heads))
    pairs = toys.split(5)
    tokens, responses = int(pairs.lengths.sum()), int(pairs.labels.sum())
    scores = 2 * 2 * 16 * int((pairs.lengths.long() ** 2).sum())  # Q K^T and its product with V
    layer = 6 * (4 * 16 * 16 + 3 * 16 * 24) * tokens + 3 * scores
    for head in (FROZEN, TRAINED):
        assert counted(model, head) == 2 * layer + head * 16 * 300 * responses


def test_a_model_of_several_stacks_is_counted() -> None:
    config: Any = small_config("blt")
    assert not hasattr(config, "hidden_size")
    model = AutoModelForCausalLM.from_config(config)
    apart = counted(model, TRAINED) - counted(model, FROZEN)
    weights = config.decoder_config.hidden_size * config.vocab_size
    assert apart == (TRAINED - FROZEN) * weights * int(toys.split(5).labels.sum())


def test_the_output_layer_is_as_wide_as_the_last_stack_and_without_one_the_widest_counts() -> None:
    config: Any = small_config("blt")
    config.global_config.hidden_size *= 2
    model = AutoModelForCausalLM.from_config(config)
    own = config.decoder_config.hidden_size * config.vocab_size
    assert output_weights(model) == own
    model.set_output_embeddings(None)
    assert output_weights(model) == 2 * own
