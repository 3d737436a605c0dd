"""What every arm gives for the general text, in one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from study.entry.errors import StudyError

Name = tuple[str, int | None]  # arm and rank


@dataclass(frozen=True, eq=False)
class Given:
    """Of one arm: `logits` (seeds, n, num_labels) and `change` (seeds, n), fp32."""

    logits: NDArray[np.float32]
    change: NDArray[np.float32]


def save_outputs(found: Mapping[Name, Given], labels: NDArray[np.int64], path: Path) -> None:
    """Write all arms' outputs and the labels (n,) into one file."""
    tensors = {"labels": labels}
    for name, given in found.items():
        tensors[f"{_key(name)}/logits"] = np.ascontiguousarray(given.logits)
        tensors[f"{_key(name)}/change"] = np.ascontiguousarray(given.change)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)


def load_outputs(path: Path, names: list[Name]) -> tuple[dict[Name, Given], NDArray[np.int64]]:
    """Read these arms' outputs, and the labels.

    Raises:
        StudyError: the file is not there, or holds no such arm.
    """
    try:
        tensors = load_file(path)
        keys = {name: _key(name) for name in names}
        found = {
            name: Given(tensors[f"{key}/logits"], tensors[f"{key}/change"])
            for name, key in keys.items()
        }
        return found, tensors["labels"]
    except (OSError, SafetensorError, KeyError) as error:
        raise StudyError(
            f"{path}: not what the stage drift_outputs writes ({error!r}); run "
            "`dvc repro drift/dvc.yaml`"
        ) from error


def _key(name: Name) -> str:
    arm, rank = name
    return arm if rank is None else f"{arm}-r{rank}"
