"""Writes the logits of an arm's picked runs; `study.records.logits` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from study.records.prepared import Prepared
from study.training.loop import RunResult


def write_logits(path: str | Path, results: Sequence[RunResult], data: Prepared) -> None:
    """Write the logits of runs of one arm and one learning rate."""
    tensors = {
        "labels/validation": data.validation.labels.numpy(),
        "labels/test": data.test.labels.numpy(),
    }
    for result in results:
        tensors[f"s{result.run.seed}/validation"] = result.validation_logits.numpy()
        tensors[f"s{result.run.seed}/test"] = result.test_logits.numpy()
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, partial)
    partial.replace(path)
