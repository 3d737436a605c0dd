"""Which validation sentences each rank got right: what a rank is chosen on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from study.entry.errors import StudyError
from study.records.logits import read_logits

if TYPE_CHECKING:
    from study.settings.whole import Settings


def read_validation(
    settings: Settings, folder: str | Path = "metrics/logits"
) -> dict[int, NDArray[np.bool_]]:
    """Return, by rank, ascending, which seed got which sentence right, (num_seeds, num_sentences).

    Raises:
        StudyError: a file is missing, is of other seeds than the settings say, or of other
            sentences than the rest; it is named, and the command that makes it anew.
    """
    correct: dict[int, NDArray[np.bool_]] = {}
    labels: NDArray[np.int64] | None = None
    for rank in sorted(settings.lora.ranks):
        path = Path(folder) / f"lora-r{rank}.safetensors"
        anew = f"run `dvc repro lora@{rank}`"
        try:
            logits = read_logits(path)
        except StudyError as error:
            raise StudyError(f"{error}; {anew}") from error
        seeds = list(logits.validation)
        if seeds != sorted(settings.seeds):
            raise StudyError(f"{path}: seeds {seeds}; allowed: {sorted(settings.seeds)}; {anew}")
        labels = logits.validation_labels if labels is None else labels
        if not np.array_equal(logits.validation_labels, labels):
            raise StudyError(f"{path}: other validation sentences than the ranks before; {anew}")
        predictions = np.stack([array.argmax(axis=1) for array in logits.validation.values()])
        correct[rank] = predictions == labels
    return correct
