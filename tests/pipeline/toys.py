"""A study small enough to run whole in a test: a random BERT, made-up sentences, few of each."""

from __future__ import annotations

import csv
import itertools
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForMaskedLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedTokenizerFast,
)

GOOD = ("great", "warm", "witty", "moving", "bright", "clever")
BAD = ("dull", "cold", "stale", "empty", "loud", "clumsy")
SUBJECTS = ("film", "plot", "cast", "score", "script", "scene", "drama", "story")
OPENINGS = ("the", "this", "a", "one", "that")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

# What is changed in the repository's params.yaml; all else stays, so that new settings need no
# line here. Every number is about the least with which each stage still does all that it does.
SETTINGS: dict[str, Any] = {
    "seeds": [0, 1],
    "blocks": [],
    "model.name": "toys/model",
    "data.name": "toys/sentences.csv",
    "data.where": None,
    "data.train_size": 96,
    "data.validation_size": 32,
    "data.test_size": 48,
    "data.max_length": 16,
    "train.batch_size": 16,
    "train.epochs": 2,
    "train.precision": "fp32",
    "head_only.epochs": 2,
    "head_only.learning_rates": [0.1, 0.01],
    "full.learning_rates": [0.003],
    "lora.ranks": [1, 2],
    "lora.rank": 1,
    "lora.learning_rates": [0.1, 0.01],
    "theory.out_features": 5,
    "theory.in_features": 6,
    "theory.true_rank": None,
    "theory.samples": 60,
    "theory.ranks": [1, 2],
    "theory.seeds": [0],
    "theory.steps": 20,
    "statistics.resamples": 50,
    "select.force": True,  # so few steps need not train anything
    "capacity.covariance_sentences": 32,
    "spectra.gradient_sentences": 32,
    "cost.sentences": 16,
    "cost.repeats": 1,
}


def write_model(folder: Path) -> None:
    """Save a random two-layer BERT with a WordPiece tokeniser of the words above."""
    vocabulary = _write_tokenizer(folder, types=True)
    config = BertConfig(**_sizes(vocabulary))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertForMaskedLM(config).save_pretrained(folder)


def write_modernbert(folder: Path) -> None:
    """Save a random ModernBERT, whose tokens see few neighbours in every other layer, as above."""
    vocabulary = _write_tokenizer(folder)
    config = ModernBertConfig(
        **_sizes(vocabulary),
        cls_token_id=vocabulary["[CLS]"],
        sep_token_id=vocabulary["[SEP]"],
        bos_token_id=None,
        eos_token_id=None,
        global_attn_every_n_layers=2,
        local_attention=4,
        classifier_pooling="mean",
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ModernBertForMaskedLM(config).save_pretrained(folder)


def _sizes(vocabulary: dict[str, int]) -> dict[str, Any]:
    return {
        "vocab_size": len(vocabulary),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 32,
        "pad_token_id": vocabulary["[PAD]"],
        "initializer_range": 0.2,  # ten times the usual, so that something is learned in few steps
    }


def _write_tokenizer(folder: Path, *, types: bool = False) -> dict[str, int]:
    words = [*SPECIAL, *GOOD, *BAD, *SUBJECTS, *OPENINGS, "is", "and"]
    vocabulary = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", *(["token_type_ids"] if types else []), "attention_mask"],
    ).save_pretrained(folder)
    return vocabulary


def sentences(seed: int = 0) -> list[dict[str, Any]]:
    """Return 240 distinct sentences of several lengths, labelled by whether they praise."""
    rows = [
        {"text": f"{opening} {subject} is {' and '.join(praise)}", "label": label}
        for label, words in enumerate((BAD, GOOD))
        for opening, subject, praise in itertools.product(
            OPENINGS, SUBJECTS, (words[:1], words[1:3], words[3:])
        )
    ]
    random.Random(seed).shuffle(rows)
    return rows


def other_sentences() -> list[dict[str, Any]]:
    """Return the same sentences, of the same classes, with their words from last to first."""
    return [row | {"text": " ".join(reversed(row["text"].split()))} for row in sentences()]


def pairs() -> list[dict[str, Any]]:
    """Return 240 pairs of the sentences, labelled by whether both praise, or neither.

    A sentence is the premise of one and the hypothesis of another in groups of two pairs.
    """
    rows = sentences()
    return [
        {
            "premise": rows[2 * i + a]["text"],
            "hypothesis": rows[2 * i + b]["text"],
            "agree": ["no", "yes"][rows[2 * i]["label"] == rows[2 * i + 1]["label"]],
        }
        for i in range(len(rows) // 2)
        for a, b in ((0, 1), (1, 0))
    ]


def write_csv(path: Path, rows: list[dict[str, Any]], delimiter: str = ",") -> None:
    """Write sentences as CSV or TSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def change(path: Path, changes: Mapping[str, Any]) -> None:
    """Set dotted keys in a params.yaml; a key that is not there is a mistake of the test."""
    yaml = YAML()
    settings = yaml.load(path.read_text(encoding="utf-8"))
    for key, value in changes.items():
        *parents, last = key.split(".")
        section = settings
        for parent in parents:
            section = section[parent]
        assert last in section, key
        section[last] = value
    with path.open("w", encoding="utf-8") as stream:
        yaml.dump(settings, stream)
