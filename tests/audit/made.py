"""Adapters that plain PEFT makes and saves, on small models at random weights."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import BertConfig, GPT2Config, LlamaConfig

from tests.lora.models import FAMILIES, generator, tokens

BERT = FAMILIES["bert"].config
GPT2 = FAMILIES["gpt2"].config
LLAMA = FAMILIES["llama"].config
CONFIGS: dict[str, BertConfig | GPT2Config | LlamaConfig] = {
    "BertForSequenceClassification": BERT,
    "GPT2LMHeadModel": GPT2,
    "LlamaForCausalLM": LLAMA,
}


@dataclass(frozen=True)
class Made:
    """How an adapter is made.

    Attributes:
        model_class: of transformers; settings: of PEFT's LoraConfig.
    """

    model_class: str
    settings: dict[str, Any] = field(default_factory=dict)


_BERT = "BertForSequenceClassification"
_QUERY = {"r": 5, "lora_alpha": 7, "target_modules": ["query", "value"], "task_type": "SEQ_CLS"}
MADE = {
    "lora": Made(_BERT, _QUERY),
    "rslora": Made(_BERT, {**_QUERY, "use_rslora": True}),
    "dora": Made(_BERT, {**_QUERY, "use_dora": True}),
    "patterns": Made(
        _BERT,
        {
            **_QUERY,
            "target_modules": "all-linear",
            "rank_pattern": {"layer.1.attention.self.query": 3, "query": 7},
            "alpha_pattern": {"value": 2},
        },
    ),
    "conv1d": Made(
        "GPT2LMHeadModel",
        {
            "r": 4,
            "lora_alpha": 4,
            "target_modules": ["c_attn", "attn.c_proj"],
            "fan_in_fan_out": True,
            "task_type": "CAUSAL_LM",
        },
    ),
    "causal": Made(
        "LlamaForCausalLM",
        {"r": 6, "lora_alpha": 3, "target_modules": "all-linear", "task_type": "CAUSAL_LM"},
    ),
    "embedding": Made(_BERT, {**_QUERY, "target_modules": ["word_embeddings", "query"]}),
    "pissa": Made(_BERT, {**_QUERY, "init_lora_weights": "pissa"}),
    "pissa of conv1d": Made(
        "GPT2LMHeadModel",
        {
            "r": 3,
            "lora_alpha": 5,
            "target_modules": ["c_attn", "attn.c_proj"],
            "fan_in_fan_out": True,
            "init_lora_weights": "pissa",
            "task_type": "CAUSAL_LM",
        },
    ),
    "orthogonal": Made(_BERT, {**_QUERY, "r": 4, "init_lora_weights": "orthogonal"}),
    "biases": Made(_BERT, {**_QUERY, "bias": "lora_only"}),
}


def base(model_class: str) -> Any:
    """A model in eval mode, at the same weights every time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return getattr(transformers, model_class)(CONFIGS[model_class]).eval()


def make(name: str, folder: Path) -> tuple[Path, Path]:
    """Train nothing, but give an adapter of PEFT values, and save it and its base.

    Returns:
        the adapter's folder and the base's
    """
    made = MADE[name]
    model = base(made.model_class)
    model.save_pretrained(folder / "base")
    with quiet():
        tuned = get_peft_model(model, LoraConfig(**made.settings))
        draw = generator(3)
        with torch.no_grad():
            for place, (key, parameter) in enumerate(tuned.named_parameters()):
                if "lora_" in key:
                    part = torch.randn(parameter.shape, generator=draw)
                    parameter.add_(0.1 * (1 + place % 4) * part)  # some modules louder than others
                elif key.endswith(".bias") and "query" in key:
                    parameter.add_(0.2)
        tuned.peft_config["default"].base_model_name_or_path = str(folder / "base")
        tuned.save_pretrained(folder / "adapter")
    return folder / "adapter", folder / "base"


def loaded(name: str, folder: Path) -> Any:
    """A fresh base with an adapter that plain PEFT loads."""
    with quiet():
        return PeftModel.from_pretrained(base(MADE[name].model_class), folder).eval()


def deltas(model: Any) -> dict[str, Tensor]:
    """What plain PEFT adds to each weight, (out, in)."""
    found = {}
    for name, module in model.base_model.model.named_modules():
        if hasattr(module, "get_delta_weight") and getattr(module, "r", None):
            delta = module.get_delta_weight("default").detach()
            turned = getattr(module, "fan_in_fan_out", False) or "embeddings" in name
            found[name] = (delta.T if turned else delta).double()
    return found


def logits(model: Any) -> Tensor:
    """What the model says of a few token ids."""
    ids = tokens()
    with torch.no_grad():
        out: Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    return out


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without PEFT's remarks on embeddings that it saves along."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
