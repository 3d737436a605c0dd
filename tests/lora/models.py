"""Small Hugging Face models at random weights, and what their adapters should reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers import (
    BertConfig,
    DistilBertConfig,
    GPT2Config,
    LlamaConfig,
    PretrainedConfig,
    RobertaConfig,
)

from lora.config import LoRAConfig
from lora.inject import adapter_parameters, inject, mark_trainable

VOCABULARY = 60
HIDDEN = 16


@dataclass(frozen=True)
class Family:
    """One architecture's sentence classifier at toy size."""

    name: str
    model_class: str
    config: PretrainedConfig
    targets: tuple[str, ...]
    head: str
    adapted: tuple[str, ...]

    def build(self, seed: int = 0) -> Any:
        """A sentence classifier with two labels, in eval mode, at weights of this seed."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return getattr(transformers, self.model_class)(self.config).eval()


_ENCODER = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "vocab_size": VOCABULARY,
}
FAMILIES = {
    family.name: family
    for family in (
        Family(
            "bert",
            "BertForSequenceClassification",
            BertConfig(**_ENCODER),
            ("query", "value"),
            "classifier",
            tuple(
                f"bert.encoder.layer.{i}.attention.self.{m}"
                for i in (0, 1)
                for m in ("query", "value")
            ),
        ),
        Family(
            "roberta",
            "RobertaForSequenceClassification",
            RobertaConfig(**_ENCODER, max_position_embeddings=40, pad_token_id=1),
            ("query", "value"),
            "classifier",
            tuple(
                f"roberta.encoder.layer.{i}.attention.self.{m}"
                for i in (0, 1)
                for m in ("query", "value")
            ),
        ),
        Family(
            "distilbert",
            "DistilBertForSequenceClassification",
            DistilBertConfig(
                dim=HIDDEN, n_layers=2, n_heads=2, hidden_dim=24, vocab_size=VOCABULARY
            ),
            ("q_lin", "v_lin"),
            "classifier",
            tuple(
                f"distilbert.transformer.layer.{i}.attention.{m}"
                for i in (0, 1)
                for m in ("q_lin", "v_lin")
            ),
        ),
        Family(
            "gpt2",
            "GPT2ForSequenceClassification",
            GPT2Config(
                n_embd=HIDDEN,
                n_layer=2,
                n_head=2,
                n_positions=40,
                vocab_size=VOCABULARY,
                bos_token_id=0,
                eos_token_id=0,
                pad_token_id=0,
            ),
            ("c_attn",),
            "score",
            tuple(f"transformer.h.{i}.attn.c_attn" for i in (0, 1)),
        ),
        Family(
            "llama",
            "LlamaForSequenceClassification",
            LlamaConfig(**_ENCODER, num_key_value_heads=1, pad_token_id=0),
            ("q_proj", "v_proj"),
            "score",
            tuple(f"model.layers.{i}.self_attn.{m}" for i in (0, 1) for m in ("q_proj", "v_proj")),
        ),
    )
}


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tokens(rows: int = 4, length: int = 7, seed: int = 1) -> Tensor:
    """Token ids (rows, length) that are no special ones."""
    return torch.randint(5, VOCABULARY, (rows, length), generator=generator(seed))


def config(targets: Sequence[str] = ("query", "value"), **changes: Any) -> LoRAConfig:
    return replace(LoRAConfig(rank=3, alpha=4.5, target_modules=tuple(targets)), **changes)


def randomise(model: nn.Module, seed: int = 7, scale: float = 0.3) -> None:
    """Give every lora_B values, so that the adapter does something."""
    draw = generator(seed)
    with torch.no_grad():
        for name, parameter in adapter_parameters(model).items():
            if name.endswith("lora_B"):
                parameter.copy_(scale * torch.randn(parameter.shape, generator=draw))


def adapted(family: Family, *, seed: int = 0, head: bool = True, **changes: Any) -> Any:
    """A model of the family with an adapter that is not zero and, if wanted, a trainable head."""
    model = family.build(seed)
    changes.setdefault("task_type", "SEQ_CLS")
    inject(model, config(family.targets, **changes), generator(seed))
    if head:
        mark_trainable(model, [family.head])
    randomise(model)
    return model


def logits(model: nn.Module, ids: Tensor) -> Tensor:
    with torch.no_grad():
        out: Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    return out
