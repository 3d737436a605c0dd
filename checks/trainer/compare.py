"""One task, trained by both sides: how far their losses, outputs and metrics are apart."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from checks.trainer import measures, ours, theirs
from checks.trainer.ours import FULL, LORA, Sizes, Trained
from checks.trainer.tasks import Review, Task
from study.metrics.measure import MEASURES
from study.records.prepared import Prepared
from study.settings import whole
from study.sources.resolve import resolve_model

# Both compute in fp32, in another order, and AdamW makes whole steps of gradients that are next to
# nothing: full fine-tuning, of a million times the numbers, drifts further. So the first steps are
# held to rounding, where another rate, warm-up, order of batches or decay would show at once.
FIRST, EARLY = 4, 1e-5  # steps, and by how much of itself the loss of each may differ
LOSSES = {LORA: 1e-5, FULL: 5e-3}  # of the largest loss
OUTPUTS = {LORA: 1e-4, FULL: 1e-2}  # of the largest output
METRICS = 1e-9  # of one and the same outputs


@dataclass(frozen=True)
class Outcome:
    """How far the two are apart.

    Attributes:
        steps: that both took.
        early: the largest difference of a loss of the first `FIRST` steps, of itself.
        losses: the largest difference of a step's loss, of the largest loss; of a loss near 0 it
            would be rounding alone.
        outputs: the largest difference of a test sentence's output, of the largest output.
        epochs: the best one on validation, of ours and of theirs.
        metrics: ours and theirs, each of its own outputs, by name.
        formulas: the largest difference of ours and theirs of the very same outputs, theirs.
    """

    task: str
    arm: str
    steps: int
    early: float
    losses: float
    outputs: float
    epochs: tuple[int, int]
    metrics: Mapping[str, tuple[float, float]]
    formulas: float

    @property
    def right(self) -> bool:
        """Whether the two are the same but for rounding."""
        near = self.losses <= LOSSES[self.arm] and self.outputs <= OUTPUTS[self.arm]
        near = near and self.early <= EARLY
        return near and self.formulas <= METRICS and self.epochs[0] == self.epochs[1]


def run(task: Task, texts: Sequence[Review], sizes: Sizes, root: Path) -> Iterator[Outcome]:
    """Prepare a task, train LoRA and full fine-tuning by both sides, and yield how far apart.

    Args:
        root: of the repository.

    Raises:
        ValueError: they took different numbers of steps.
    """
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        data = ours.prepare(folder, task, texts, sizes, root)
        settings = whole.load(folder / ours.PARAMS)
        ours.save_start(folder, data, settings.model.name)
        path = resolve_model(settings.model.name)
        for arm in (LORA, FULL):
            one = ours.train(folder, arm)
            other = theirs.train(folder, task, arm, data, settings, sizes, path)
            yield compared(task, arm, data, one, other)


def compared(task: Task, arm: str, data: Prepared, one: Trained, other: Trained) -> Outcome:
    """Hold what the study trained against what Trainer did.

    Raises:
        ValueError: they took different numbers of steps.
    """
    if len(one.losses) != len(other.losses):
        raise ValueError(f"{task.name}: {len(one.losses)} steps and {len(other.losses)}")
    losses, true = np.array(one.losses), np.array(other.losses)
    apart = np.abs(losses - true)
    labels = data.test.labels.numpy()
    values: dict[str, tuple[float, float]] = {}
    formulas = 0.0
    for name, measure in MEASURES[data.task].items():
        own = measure.value(measure.answers(one.logits, labels), labels)
        expected = measures.value(name, other.logits, labels)
        same = measure.value(measure.answers(other.logits, labels), labels)
        values[name] = own, expected
        formulas = max(formulas, abs(same - expected))
    return Outcome(
        task=task.name,
        arm=arm,
        steps=len(losses),
        early=float((apart / np.abs(true))[:FIRST].max()),
        losses=float(apart.max() / np.abs(true).max()),
        outputs=float(np.abs(one.logits - other.logits).max() / np.abs(other.logits).max()),
        epochs=(one.epoch, other.epoch),
        metrics=values,
        formulas=formulas,
    )
