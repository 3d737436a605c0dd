"""The model, its adapters and sentences as anybody has them: transformers' modules, padding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from study.batches.collating import Inputs, padded
from study.entry.errors import StudyError
from study.models.dequantised import read_config
from study.models.packed import load_for
from study.records.prepared import Prepared, Split
from study.sources.configs import token_id


def load_plain(name: str, data: Prepared, dtype: torch.dtype) -> PreTrainedModel:
    """Load the pretrained classifier with the attention that transformers chooses for it.

    Args:
        name: as in the settings; see `study.sources.resolve.resolve_model`.
        data: says how many classes the head has, and which token pads.

    Raises:
        StudyError: as `study.models.packed.load_for`, which reads and checks the files.
    """
    packed = load_for(data, name, dtype)
    config = read_config(name, num_labels=data.num_labels)
    if token_id(config, "pad") is None:  # a decoder finds a sentence's end by it
        config.pad_token_id = config.get_text_config().pad_token_id = data.pad_token_id
    model: Any = AutoModelForSequenceClassification.from_config(config, dtype=dtype)
    model.load_state_dict(packed.state_dict())
    model.requires_grad_(False).eval()
    return model


def adapter_folder(root: Path, rank: int, seed: int) -> Path:
    """Return where the sweep's adapter of a rank and seed is.

    Args:
        root: of the study.

    Raises:
        StudyError: it is not there.
    """
    folder = root / f"data/adapters/r{rank}/s{seed}"
    if not folder.is_dir():
        raise StudyError(f"{folder}: no such folder; run `dvc repro lora@{rank}`")
    return folder


def padded_batches(split: Split, size: int, pad_token_id: int) -> list[Inputs]:
    """Cut a split into batches of `size` sentences, each padded to its longest."""
    numbers = range(len(split))
    return [
        padded(split, numbers[start : start + size], pad_token_id)
        for start in range(0, len(split), size)
    ]
