"""Random language models of two families with tokenizers of bytes, and a study around them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from study.batches.packing import PackedBatch, pack
from study.records.prepared import Split
from study.studies.instruct.settings.whole import InstructSettings, load
from tests.pipeline.toys import change

ROOT = Path(__file__).resolve().parents[4]
END = "<|end|>"
CHAT = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SETTINGS: dict[str, Any] = {
    "seeds": [0],
    "model.name": "model",
    "data.form": "alpaca",
    "data.name": "pairs.jsonl",
    "data.where": None,
    "data.system": None,
    "data.train_size": 40,
    "data.validation_size": 12,
    "data.test_size": 24,
    "data.max_length": 96,
    "train.batch_size": 8,
    "train.epochs": 2,
    "train.precision": "fp32",
    "train.device": "cpu",
    "lora.ranks": [4, 2],
    "lora.rank": 4,
    "lora.learning_rates": [0.02],
    "full.learning_rates": [0.005],
}


def write_tokenizer(folder: Path, chat: bool) -> int:
    """Save a tokenizer of single bytes; return the size of its vocabulary."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({char: i for i, char in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END)
    fast.chat_template = CHAT if chat else None
    fast.save_pretrained(folder)
    return len(fast)


def write_model(folder: Path, family: str = "llama") -> Path:
    """Save a model of two layers, with large weights so that mistakes show."""
    size = write_tokenizer(folder, chat=family == "llama")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if family == "llama":
            model: Any = LlamaForCausalLM(
                LlamaConfig(
                    vocab_size=size,
                    hidden_size=32,
                    intermediate_size=48,
                    num_hidden_layers=2,
                    num_attention_heads=4,
                    num_key_value_heads=2,
                    max_position_embeddings=128,
                    initializer_range=0.2,
                    tie_word_embeddings=True,
                )
            )
        else:
            model = GPT2LMHeadModel(
                GPT2Config(
                    vocab_size=size,
                    n_positions=128,
                    n_embd=32,
                    n_layer=2,
                    n_head=4,
                    initializer_range=0.2,
                )
            )
        model.save_pretrained(folder)
    return folder


def alpaca_rows(count: int = 90) -> list[dict[str, str]]:
    """Return different pairs, some with an input."""
    return [
        {
            "instruction": f"Say the number {i} in {'words' if i % 2 else 'a row of letters'}.",
            "input": f"base {i % 7}" if i % 3 == 0 else "",
            "output": "abcdefghij"[i % 10] * (2 + i % 5),
        }
        for i in range(count)
    ]


def write_study(folder: Path, model: Path, **changes: Any) -> InstructSettings:
    """Write a study's folder: params.yaml, the model and pairs of Alpaca's form."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "instruct/params.yaml", folder)
    change(folder / "params.yaml", SETTINGS | changes)
    shutil.copytree(model, folder / "model")
    lines = [json.dumps(row) for row in alpaca_rows()]
    (folder / "pairs.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return load(folder / "params.yaml")


def split(pairs: int = 9, seed: int = 3, longest: int = 14) -> Split:
    """Draw pairs of 4 to `longest` tokens whose responses are of 1 to 3."""
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.randint(4, longest + 1, (pairs,), generator=draw)
    labels = torch.randint(1, 4, (pairs,), generator=draw)
    ids = torch.randint(0, 250, (int(lengths.sum()),), generator=draw, dtype=torch.int32)
    return Split(ids, lengths.to(torch.int32), labels)


def batch_of(data: Split, chosen: list[list[int]]) -> PackedBatch:
    """Pack the chosen pairs of each run."""
    return pack(data, [torch.tensor(some) for some in chosen], 0, blocks=2)
