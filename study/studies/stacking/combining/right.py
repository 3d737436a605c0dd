"""Which seed gets which test sentence right, by combination, task and head; in one file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from study.entry.errors import StudyError
from study.studies.stacking.combining.combinations import ALONE, Combination

TASKS = ("first", "second")
MEAN = "mean"
HEADS = (*TASKS, MEAN)

Key = tuple[str, str, str]  # combination, task, head
Right = NDArray[np.bool_]  # (num_seeds, num_sentences)


def both(combination: Combination, right: Mapping[Key, Right]) -> Right:
    """Return what one model with one head gets right of the two tasks' sentences together.

    The head is an adapter's own where it is alone, else the mean.
    """
    head = MEAN
    if combination.kind == ALONE:
        head = TASKS[combination.weights.index(max(combination.weights))]
    return np.concatenate([right[combination.name, task, head] for task in TASKS], axis=1)


def save_right(found: Mapping[Key, Right], path: Path) -> None:
    """Write what was found, a byte an answer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"/".join(key): right.astype(np.uint8) for key, right in found.items()}, path)


def load_right(path: Path) -> dict[Key, Right]:
    """Read what `save_right` wrote.

    Raises:
        StudyError: it is not there, or is none.
    """
    try:
        tensors = load_file(path)
        found: dict[Key, Right] = {}
        for name, right in tensors.items():
            combination, task, head = name.split("/")
            found[combination, task, head] = right.astype(bool)
        return found
    except (OSError, SafetensorError, ValueError) as error:
        raise StudyError(
            f"{path}: not what the stage stacking_combine writes ({error!r}); run "
            "`dvc repro stacking/dvc.yaml`"
        ) from error
