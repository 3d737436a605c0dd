"""Small bases with tokenizers, adapters of PEFT on them, and data that they are scored on."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
)

from tests.audit.made import quiet
from tests.lora.models import generator
from tests.study.studies.instruct import toys
from tests.study.tiny_models import write_bert

WORDS = "good bad film plot dull great long short the a is was very not"
SENTENCES = 120


def classifier(folder: Path, outputs: int = 2, size: float = 0.5, **settings: Any) -> Path:
    """Write a base, an adapter with a head, and sentences whose labels the adapter gives mostly.

    Returns:
        the adapter's folder; the sentences are in data.csv beside it
    """
    base = write_bert(
        folder / "base",
        WORDS,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        initializer_range=0.25,
    )
    config = BertConfig.from_pretrained(base)
    config.num_labels = outputs
    with torch.random.fork_rng(), quiet():
        torch.manual_seed(0)
        model = BertForSequenceClassification(config)
        model.save_pretrained(base)
        asked = {"r": 4, "lora_alpha": 8, "target_modules": ["query", "value", "dense"]}
        tuned = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", **{**asked, **settings}))
        stir(tuned, size)
        tuned.peft_config["default"].base_model_name_or_path = str(base)
        tuned.save_pretrained(folder / "adapter")
    texts = sentences()
    logits = classify(tuned, base, texts)
    draw = generator(5)
    other = torch.rand(len(texts), generator=draw) < 0.2
    labels = logits[:, 0].tolist()
    if outputs > 1:
        told = logits.argmax(dim=1)
        labels = torch.where(other, (told + 1) % outputs, told).tolist()
    write_csv(folder / "data.csv", texts, labels)
    return folder / "adapter"


def stir(model: Any, size: float = 0.5) -> None:
    """Give the factors and the head values of some size, each direction half of the last."""
    draw = generator(3)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_" in key and parameter.ndim == 2:
                parameter.copy_(size * torch.randn(parameter.shape, generator=draw))
                if "lora_B" in key or "embedding_B" in key:
                    parameter.mul_(2.0 ** -torch.arange(parameter.shape[1]))
            elif "modules_to_save" in key and parameter.ndim == 2:
                parameter.copy_(torch.randn(parameter.shape, generator=draw))


def sentences() -> list[str]:
    """Different sentences of 3 to 9 words."""
    words, draw, found = WORDS.split(), generator(1), dict[str, None]()
    while len(found) < SENTENCES:
        length = int(torch.randint(3, 10, (1,), generator=draw))
        chosen = torch.randint(0, len(words), (length,), generator=draw).tolist()
        found[" ".join(words[i] for i in chosen)] = None
    return list(found)


def write_csv(file: Path, texts: list[str], labels: list[Any]) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(["text", "label"])
        writer.writerows(zip(texts, labels, strict=True))


def read_csv(file: Path) -> tuple[list[str], list[str]]:
    with file.open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    return [row["text"] for row in rows], [row["label"] for row in rows]


@torch.no_grad()
def classify(model: Any, base: Path, texts: list[str]) -> Tensor:
    """What plain transformers says of each sentence alone, (n, outputs)."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    model.eval()
    return torch.cat([model(**tokenizer(text, return_tensors="pt")).logits for text in texts])


def with_adapter(base: Path, adapter: Path, outputs: int = 2) -> Any:
    """Plain PEFT's classifier."""
    with torch.random.fork_rng(), quiet():
        model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=outputs)
        return PeftModel.from_pretrained(model, adapter).eval()


def language_model(folder: Path) -> Path:
    """Write a base, an adapter, and pairs (pairs.jsonl); return the adapter's folder."""
    base = toys.write_model(folder / "base", "gpt2")
    with quiet():
        model = AutoModelForCausalLM.from_pretrained(base)
        settings = LoraConfig(
            r=3,
            lora_alpha=3,
            target_modules=["c_attn"],
            fan_in_fan_out=True,
            task_type="CAUSAL_LM",
        )
        tuned = get_peft_model(model, settings)
        stir(tuned)
        tuned.peft_config["default"].base_model_name_or_path = str(base)
        tuned.save_pretrained(folder / "adapter")
    rows = [{"instruction": f"Say {n}.", "output": f"It is {n * 7}!"} for n in range(30)]
    lines = [json.dumps(row) for row in rows]
    (folder / "pairs.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "adapter"
