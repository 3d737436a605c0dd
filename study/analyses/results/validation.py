"""What every arm answered: its logits, and what each validation sentence is worth to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from study.analyses.results.blocks import Named
from study.entry.errors import StudyError
from study.metrics.measure import measure_named
from study.records.arm_names import FULL, HEAD_ONLY, LORA
from study.records.logits import Logits
from study.settings.seeds import all_seeds
from study.statistics.resampling import Scores

if TYPE_CHECKING:
    from study.settings.whole import Settings


@dataclass(frozen=True)
class Answers:
    """Answers on validation.

    Attributes:
        merits: by arm and rank, (num_seeds, num_sentences): each sentence's part in the metric, so
            that more is better and a hundredth a point; of accuracy which are right.
        labels: (num_sentences,).
        answers: by arm and rank, (num_seeds, num_sentences): what the metric measures.
    """

    merits: dict[tuple[str, int | None], Scores]
    labels: NDArray[Any]
    answers: dict[tuple[str, int | None], NDArray[Any]] = field(default_factory=dict)


def read_answers(
    settings: Settings, metric: str, folder: str | Path = "metrics", *, blocks: Sequence[int] = ()
) -> Answers:
    """Read the answers of every arm that the settings name.

    Args:
        metric: of the arms' records.
        blocks: further blocks of seeds.

    Raises:
        StudyError: as `read_arms`.
    """
    arms = read_arms(settings, folder, blocks=blocks)
    labels, measure = arms[FULL, None].validation_labels, measure_named(metric)

    answers = {
        arm: np.stack([measure.answers(x, labels) for x in logits.validation.values()])
        for arm, logits in arms.items()
    }
    merits = {
        arm: measure.merits(np.stack([measure.parts(own, labels) for own in of_arm]))
        for arm, of_arm in answers.items()
    }
    return Answers(merits, labels, answers)


def read_arms(
    settings: Settings, folder: str | Path = "metrics", *, blocks: Sequence[int] = ()
) -> dict[tuple[str, int | None], Logits]:
    """Read the logits of every arm that the settings name, by arm and rank.

    Args:
        folder: that logits/ is in, and blocks/logits/.
        blocks: further blocks of seeds.

    Raises:
        StudyError: a file is missing, is of other seeds than the settings say, or of other
            sentences than the rest; it is named, and the command that makes it anew.
    """
    folder = Path(folder)
    arms: dict[tuple[str, int | None], Named] = {
        (HEAD_ONLY, None): Named("head_only", "head_only"),
        (FULL, None): Named("full", "full"),
        **{
            (LORA, rank): Named(f"lora-r{rank}", f"lora@{rank}")
            for rank in sorted(settings.lora.ranks)
        },
    }
    allowed = sorted(all_seeds(settings.seeds, blocks))
    found: dict[tuple[str, int | None], Logits] = {}
    first: Logits | None = None
    for arm, named in arms.items():
        path = named.path(folder, "logits", ".safetensors")
        anew = f"run `dvc repro {named.stage}`"
        logits = named.logits(folder, blocks)
        seeds = list(logits.validation)
        if seeds != allowed:
            raise StudyError(f"{path}: seeds {seeds}; allowed: {allowed}; {anew}")
        first = first or logits
        if not np.array_equal(logits.validation_labels, first.validation_labels):
            raise StudyError(f"{path}: other validation sentences than the arms before; {anew}")
        found[arm] = logits
    return found
