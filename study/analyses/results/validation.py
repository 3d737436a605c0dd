"""What every arm answered: its logits, and which validation sentences it got right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from study.entry.errors import StudyError
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.logits import Logits, read_logits
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
        StudyError: as `read_arms`.
    """
    arms = read_arms(settings, folder)
    labels = arms[FULL, None].validation_labels
    correct = {
        arm: np.stack([x.argmax(axis=1) for x in logits.validation.values()]) == labels
        for arm, logits in arms.items()
    }
    return Answers(correct, labels)


def read_arms(
    settings: Settings, folder: str | Path = "metrics/logits"
) -> dict[tuple[str, int | None], Logits]:
    """Read the logits of every arm that the settings name, by arm and rank.

    Raises:
        StudyError: a file is missing, is of other seeds than the settings say, or of other
            sentences than the rest; it is named, and the command that makes it anew.
    """
    arms: dict[tuple[str, int | None], tuple[str, str]] = {
        (HEAD_ONLY, None): ("head_only", "head_only"),
        (FULL, None): ("full", "full"),
        **{(LORA, rank): (f"lora-r{rank}", f"lora@{rank}") for rank in sorted(settings.lora.ranks)},
    }
    found: dict[tuple[str, int | None], Logits] = {}
    first: Logits | None = None
    for arm, (name, stage) in arms.items():
        path, anew = Path(folder) / f"{name}.safetensors", f"run `dvc repro {stage}`"
        try:
            logits = read_logits(path)
        except StudyError as error:
            raise StudyError(f"{error}; {anew}") from error
        seeds = list(logits.validation)
        if seeds != sorted(settings.seeds):
            raise StudyError(f"{path}: seeds {seeds}; allowed: {sorted(settings.seeds)}; {anew}")
        first = first or logits
        if not np.array_equal(logits.validation_labels, first.validation_labels):
            raise StudyError(f"{path}: other validation sentences than the arms before; {anew}")
        found[arm] = logits
    return found
