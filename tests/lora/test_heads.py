"""Heads that are more than linear layers: what is saved of them is what plain PEFT asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from peft import PeftModel
from torch import Tensor, nn
from transformers import DebertaV2Config, EuroBertConfig, ModernBertConfig, PretrainedConfig

from lora.adapter import Adapter, attach, extract
from lora.inject import inject
from lora.peft_format import CONFIG, load, save
from tests.lora.models import HIDDEN, VOCABULARY, config, generator, logits, randomise, tokens

_SIZES: dict[str, Any] = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "vocab_size": VOCABULARY,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
# The configuration, the class, what is adapted, and the head's parts.
HEADS: dict[str, tuple[PretrainedConfig, str, tuple[str, ...], tuple[str, ...]]] = {
    "ModernBERT": (
        ModernBertConfig(**_SIZES, cls_token_id=3, sep_token_id=4, norm_bias=True),
        "ModernBertForSequenceClassification",
        ("Wqkv",),
        ("head", "classifier"),
    ),
    "DeBERTa-v2": (
        DebertaV2Config(**_SIZES, pooler_hidden_size=HIDDEN),
        "DebertaV2ForSequenceClassification",
        ("query_proj", "value_proj"),
        ("pooler", "classifier"),
    ),
    "EuroBERT": (
        EuroBertConfig(**_SIZES, num_key_value_heads=2, classifier_pooling="bos"),
        "EuroBertForSequenceClassification",
        ("q_proj", "v_proj"),
        ("dense", "classifier"),
    ),
}
each_head = pytest.mark.parametrize("name", HEADS)


class Normed(nn.Module):
    """A head whose norm keeps what it saw in training, beside a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(HIDDEN)
        self.out = nn.Linear(HIDDEN, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.norm(x))
        return out


def base(name: str, seed: int) -> Any:
    """A model whose head is of this seed and all else of seed 0."""
    settings, kind, _, head = HEADS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = getattr(transformers, kind)(settings).eval()
        torch.manual_seed(seed)
        for part in head:
            for parameter in model.get_submodule(part).parameters():
                nn.init.normal_(parameter, std=0.3)
    return model


def learned(model: Any, name: str) -> Adapter:
    """The adapter of a model in which only the head's linear layers trained, as in the study."""
    _, _, targets, head = HEADS[name]
    inject(model, config(targets, task_type="SEQ_CLS"), generator(0))
    randomise(model)
    linear = {
        f"{n}.{p}": parameter
        for n, module in model.named_modules()
        if isinstance(module, nn.Linear) and n.startswith(head)
        for p, parameter in module.named_parameters()
    }
    return extract(model, head=linear)


@each_head
def test_plain_peft_loads_it_on_a_base_with_another_head(name: str, tmp_path: Path) -> None:
    model = base(name, seed=3)
    adapter = learned(model, name)
    save(adapter, tmp_path)
    expected = logits(model, tokens())
    other = PeftModel.from_pretrained(base(name, seed=8), tmp_path).eval()
    torch.testing.assert_close(logits(other, tokens()), expected, rtol=1e-5, atol=1e-5)
    mine = base(name, seed=8)
    attach(mine, load(tmp_path))
    torch.testing.assert_close(logits(mine, tokens()), expected, rtol=1e-5, atol=1e-5)


@each_head
def test_all_parameters_of_what_peft_wraps_are_in_the_file(name: str, tmp_path: Path) -> None:
    adapter = learned(base(name, seed=3), name)
    save(adapter, tmp_path)
    wrapped = set(HEADS[name][3])
    assert set(json.loads((tmp_path / CONFIG).read_text())["modules_to_save"]) == {
        *wrapped,
        "score",
    }
    whole = {n for n, _ in base(name, 3).named_parameters() if n.split(".")[0] in wrapped}
    assert adapter.head.keys() == whole


def test_what_a_head_has_seen_goes_along(tmp_path: Path) -> None:
    """A buffer that is saved: PEFT wants it like a parameter."""

    def build(seen: float) -> Any:
        model = base("EuroBERT", seed=3)
        model.classifier = Normed().eval()
        nn.init.constant_(model.classifier.norm.running_mean, seen)
        for parameter in model.classifier.parameters():
            nn.init.normal_(parameter, generator=generator(5))
        return model

    model = build(2.0)
    save(learned(model, "EuroBERT"), tmp_path)
    expected = logits(model, tokens())
    other = PeftModel.from_pretrained(build(0.0), tmp_path).eval()
    torch.testing.assert_close(logits(other, tokens()), expected, rtol=1e-5, atol=1e-5)
    mine = build(0.0)
    attach(mine, load(tmp_path))
    torch.testing.assert_close(logits(mine, tokens()), expected, rtol=1e-5, atol=1e-5)
