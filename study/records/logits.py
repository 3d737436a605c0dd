"""The logits of an arm's picked runs, kept so that what is computed from them needs no training.

One safetensors file an arm, in git: agreement between models, calibration, and the choice of a rank
on validation follow from it on any machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from study.entry.errors import StudyError


@dataclass(frozen=True)
class Logits:
    """Logits (n, num_labels), fp32, by seed, each at its run's best epoch; labels (n,), int64.

    Of a regression one output, (n, 1), and fp32 labels.
    """

    validation: dict[int, NDArray[np.float32]]
    test: dict[int, NDArray[np.float32]]
    validation_labels: NDArray[Any]
    test_labels: NDArray[Any]


_NAME = re.compile(r"s(\d{1,10})/(validation|test)")


def _named(name: str, path: str | Path) -> tuple[int, str]:
    """Return the seed and the split that a tensor's name says.

    Raises:
        StudyError: it says none.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise StudyError(f"{path}: not a file of logits (a tensor {name[:60]!r})")
    return int(found[1]), found[2]


def read_logits(path: str | Path) -> Logits:
    """Read an arm's logits.

    Raises:
        StudyError: the file is missing or holds something else; it is named.
    """
    try:
        tensors = load_file(path)
        labels = {split: tensors.pop(f"labels/{split}") for split in ("validation", "test")}
    except FileNotFoundError as error:
        raise StudyError(f"{path}: no such file; the stage that writes it has not run") from error
    except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
        raise StudyError(f"{path}: not a file of logits ({str(error)[:200]})") from error
    by_split: dict[str, dict[int, NDArray[np.float32]]] = {"validation": {}, "test": {}}
    for name, array in tensors.items():
        seed, split = _named(name, path)
        rows = array.shape[0] if array.ndim == 2 else -1
        if labels[split].shape != (rows,) or not np.isfinite(array).all():
            raise StudyError(
                f"{path}: {name} of shape {array.shape}; allowed: a row of finite logits for each "
                f"of {labels[split].size} labels"
            )
        by_split[split][seed] = array
    return Logits(
        validation=dict(sorted(by_split["validation"].items())),
        test=dict(sorted(by_split["test"].items())),
        validation_labels=labels["validation"],
        test_labels=labels["test"],
    )
