"""Files of logits as the training stages leave them, from answers that are given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file


def write_logits(
    path: Path,
    correct: NDArray[np.bool_],
    *,
    seeds: Sequence[int] = (0, 1, 2),
    labels: NDArray[np.int64] | None = None,
    num_labels: int = 3,
) -> None:
    """Write logits whose highest is the label where `correct`, (seeds, sentences), says so."""
    num_sentences = correct.shape[1]
    if labels is None:
        labels = np.arange(num_sentences) % num_labels
    tensors = {"labels/validation": labels, "labels/test": labels}
    for seed, right in zip(seeds, correct, strict=True):
        predicted = np.where(right, labels, (labels + 1) % num_labels)
        logits = np.eye(num_labels, dtype=np.float32)[predicted] * 3 - 1
        tensors |= {f"s{seed}/validation": logits, f"s{seed}/test": logits[::-1].copy()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
