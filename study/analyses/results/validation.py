"""Which validation sentences every arm got right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from study.entry.errors import StudyError
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.logits import read_logits
from study.statistics.resampling import Scores

if TYPE_CHECKING:
    from study.settings.whole import Settings


@dataclass(frozen=True)
class Answers:
    """Answers on validation.

    Attributes:
        correct: by arm and rank, (num_seeds, num_sentences).
        labels: (num_sentences,).
    """

    correct: dict[tuple[str, int | None], Scores]
    labels: NDArray[np.int64]


def read_answers(settings: Settings, folder: str | Path = "metrics/logits") -> Answers:
    """Read the answers of every arm that the settings name.

    Raises:
        StudyError: a file is missing, is of other seeds than the settings say, or of other
            sentences than the rest; it is named, and the command that makes it anew.
    """
    arms: dict[tuple[str, int | None], tuple[str, str]] = {
        (HEAD_ONLY, None): ("head_only", "head_only"),
        (FULL, None): ("full", "full"),
        **{(LORA, rank): (f"lora-r{rank}", f"lora@{rank}") for rank in sorted(settings.lora.ranks)},
    }
    correct: dict[tuple[str, int | None], Scores] = {}
    labels: NDArray[np.int64] | None = None
    for arm, (name, stage) in arms.items():
        path, anew = Path(folder) / f"{name}.safetensors", f"run `dvc repro {stage}`"
        try:
            logits = read_logits(path)
        except StudyError as error:
            raise StudyError(f"{error}; {anew}") from error
        seeds = list(logits.validation)
        if seeds != sorted(settings.seeds):
            raise StudyError(f"{path}: seeds {seeds}; allowed: {sorted(settings.seeds)}; {anew}")
        labels = logits.validation_labels if labels is None else labels
        if not np.array_equal(logits.validation_labels, labels):
            raise StudyError(f"{path}: other validation sentences than the arms before; {anew}")
        predictions = np.stack([array.argmax(axis=1) for array in logits.validation.values()])
        correct[arm] = predictions == labels
    assert labels is not None
    return Answers(correct, labels)
