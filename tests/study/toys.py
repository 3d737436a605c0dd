"""Random models of every family, made-up token ids, and what training them needs."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lora.config import LoRAConfig
from study.arms import lora
from study.batches.feeds import TokenFeed
from study.models.packed import load_pretrained
from study.records.prepared import SPLITS, Batching, Prepared, Split
from study.settings.train import TrainSettings
from study.training.loop import WHOLE, Part, Run, RunResult
from study.training.progress import Progress
from tests.lora.models import FAMILIES, VOCABULARY, Family, generator
from tests.study.other_families import OTHERS

CPU = torch.device("cpu")
EVERY = FAMILIES | OTHERS
LONGEST = 12
each_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
_SAVED = tempfile.TemporaryDirectory()  # removed when the tests end


def saved(name: str) -> Path:
    """Give the folder of a family's saved model."""
    folder = Path(_SAVED.name, name)
    if not folder.exists():
        save_model(EVERY[name], folder)
    return folder


def save_model(family: Family, folder: Path) -> None:
    """Save a classifier whose weights are large enough for mistakes to show in its logits."""
    config = copy.deepcopy(family.config)
    config.initializer_range = 0.25
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = getattr(transformers, family.model_class)(config)
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:  # biases are zeros and norms ones otherwise
                parameter.data.add_(0.1 * torch.randn(parameter.shape))
            del name
    model.save_pretrained(folder)


def load(
    folder: Path,
    dropout: float = 0.0,
    dtype: torch.dtype = torch.float32,
    batching: Batching = "packed",
) -> Any:
    """Load a saved model as the stages do."""
    return load_pretrained(str(folder), 2, dtype, dropout, LONGEST, batching)


def reference(folder: Path) -> Any:
    """Load a saved model as anybody does, without dropout, with the eager attention."""
    return transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, attn_implementation="eager", num_labels=2, dtype=torch.float32
    ).eval()


def split(sentences: int, seed: int, longest: int = LONGEST) -> Split:
    """Draw sentences of 2 to `longest` tokens, labelled by whether small ids prevail."""
    draw = generator(seed)
    lengths = torch.randint(2, longest + 1, (sentences,), generator=draw)
    ids = [torch.randint(5, VOCABULARY, (int(n),), generator=draw) for n in lengths]
    labels = torch.tensor([int(x.double().mean() < 32) for x in ids])
    return Split(torch.cat(ids).to(torch.int32), lengths.to(torch.int32), labels)


def ended(data: Split, end: int = 2) -> Split:
    """Let every sentence end in a token, by which BART and T5 find its end."""
    ids = data.input_ids.clone()
    ids[data.offsets[1:] - 1] = end
    return replace(data, input_ids=ids)


def paired(data: Split) -> Split:
    """Let the second half of every sentence be a second text, as its token types say."""
    places = torch.cat([torch.arange(int(n)) for n in data.lengths])
    lengths = data.lengths.long().repeat_interleave(data.lengths.long())
    return replace(data, token_types=(places >= lengths // 2).to(torch.int8))


def prepared(train: int = 32, validation: int = 24, test: int = 40, pad: int = 0) -> Prepared:
    """Draw the three splits."""
    return Prepared(
        train=split(train, 1),
        validation=split(validation, 2),
        test=split(test, 3),
        label_names=("0", "1"),
        model_name="toy",
        max_length=LONGEST,
        pad_token_id=pad,
    )


def paired_data(data: Prepared) -> Prepared:
    """Let every sentence of every split be a pair."""
    splits: dict[str, Any] = {name: paired(getattr(data, name)) for name in SPLITS}
    return replace(data, **splits)


def train_settings(**changes: Any) -> TrainSettings:
    """Return small but complete settings: 8 steps an epoch on `prepared()`."""
    values: dict[str, Any] = {
        "batch_size": 4,
        "epochs": 1,
        "warmup_share": 0.25,
        "weight_decay": 0.01,
        "max_grad_norm": 1.0,
        "precision": "fp32",
        "device": "cpu",
        "schedule": "linear",
        "early_stopping": None,
        "early_exit": None,
        "memory_gib": 1.0,
        "gradient_accumulation_steps": 1,
        "activation_checkpointing": False,
        "offload_frozen": False,
        "executor": "local",
    }
    return TrainSettings(**(values | changes))


def token_feed(data: Prepared, batch_size: int = 4) -> TokenFeed:
    """Return packed batches of the data."""
    return TokenFeed(data, batch_size, CPU)


def padded(data: Split, chosen: Tensor, pad: int) -> tuple[dict[str, Tensor], Tensor]:
    """Return (input_ids, attention_mask (b, longest), labels) as a data collator would.

    Token types are there where the data have any.
    """
    rows = [data.input_ids[data.offsets[i] : data.offsets[i + 1]].long() for i in chosen]
    ids = pad_sequence(rows, batch_first=True, padding_value=pad)
    mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    inputs = {"input_ids": ids, "attention_mask": mask}
    if data.token_types is not None:
        every = torch.split(data.token_types.long(), data.lengths.tolist())
        inputs["token_type_ids"] = pad_sequence([every[i] for i in chosen], batch_first=True)
    return inputs, data.labels[chosen]


def lora_config(family: Family, rank: int = 3, dropout: float = 0.0, **variant: Any) -> LoRAConfig:
    """Return an adapter of the family's usual targets; a variant has its own settings."""
    whole = LoRAConfig(rank, 2.0 * rank, family.targets, dropout=dropout)
    return replace(whole, task_type="SEQ_CLS", base_model_name="x", **variant)


def train_lora(
    runs: list[Run],
    *,
    family: str = "bert",
    dropout: float = 0.0,
    data: Prepared | None = None,
    variant: Mapping[str, Any] | None = None,
    loraplus_ratio: float = 1.0,
    batching: Batching = "packed",
    part: Part = WHOLE,
    **changes: Any,
) -> list[RunResult]:
    """Train LoRA on a freshly loaded model; `dropout` goes to base and adapters alike.

    `variant` holds settings of its configuration, `changes` those of training.
    """
    settings = train_settings(**changes)
    dtype = torch.bfloat16 if settings.precision == "bf16" else torch.float32
    return lora.train_lora(
        load(saved(family), dropout, dtype, batching),
        [lora_config(EVERY[family], run.rank or 1, dropout, **variant or {}) for run in runs],
        runs,
        data or prepared(pad=EVERY[family].config.pad_token_id or 0),
        settings,
        CPU,
        Progress("toy", len(runs)),
        loraplus_ratio=loraplus_ratio,
        part=part,
    )


def lora_run(seed: int = 0, learning_rate: float = 0.01, rank: int = 3) -> Run:
    """Return a run of the LoRA arm."""
    return Run("lora", rank, learning_rate, seed)
