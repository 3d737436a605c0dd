"""What runs learn: the loss that a step goes down, and how well a run does between steps.

A model that packs its batches names its objective. The training loop knows nothing else of what is
learned, so that a classifier and a language model share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.batches.packing import Batch
from study.metrics.measure import CLASSIFICATION, REGRESSION, Measure, Task, measure_of
from study.records.prepared import Prepared
from study.records.runs import Evaluation

ACCURACY = measure_of(CLASSIFICATION, "accuracy")


class Objective(Protocol):
    """Reads a model's outputs; examples never mix, so that a batch may hold any of them.

    Attributes:
        measured: what `evaluate` measures, in words.
    """

    measured: str

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the loss (R,) of outputs (R, B, k) that every run's step goes down.

        Args:
            labels: (R, B), as the batch has them.
        """
        ...

    def weight(self, labels: Tensor) -> Tensor:
        """Return over how many examples or tokens each run's loss is a mean, (R,) fp32."""
        ...

    def evaluate(self, outputs: Tensor, labels: Tensor) -> tuple[float, float]:
        """Return score and loss of one run on a whole split: outputs (n, k), labels (n,)."""
        ...

    def better(self, point: Evaluation, other: Evaluation) -> bool:
        """Whether `point` is better than `other`, so that its epoch is the one to keep.

        Of two that are equal neither is, and the earlier one is kept.
        """
        ...


class PackedModel(nn.Module):
    """A model that reads a packed batch of one row a run; outputs are (R, B, k), fp32.

    Attributes:
        runs: R.
        objective: what its outputs are for.
        head_names: parameters with a run axis that train in every arm; they stay fp32.
    """

    runs: int
    objective: Objective
    head_names: tuple[str, ...]

    def forward(self, batch: Batch, generators: Sequence[torch.Generator] = ()) -> Tensor:
        """Return what the objective reads of every run's examples.

        Args:
            generators: of dropout, one per run; needed in training mode only.
        """
        raise NotImplementedError


class _OfSentences:
    """A loss that is a mean over sentences, beside a measure that picks.

    The epoch of the best score is kept; of several, that of the lowest loss: on few sentences many
    epochs get as many right, and being the first of them is no merit.
    """

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self.measured = measure.words

    def weight(self, labels: Tensor) -> Tensor:
        """Return the number of sentences."""
        runs, sentences = labels.shape
        return torch.full((runs,), float(sentences), device=labels.device)

    def better(self, point: Evaluation, other: Evaluation) -> bool:
        """Whether the score is better, or as good at a lower loss."""
        merit = self._measure.merit
        return (merit(point.score), -point.loss) > (merit(other.score), -other.loss)

    def _score(self, outputs: Tensor, labels: Tensor) -> float:
        true = labels.numpy()
        return self._measure.value(self._measure.answers(outputs.numpy(), true), true)


class Classification(_OfSentences):
    """Cross-entropy of logits (R, B, num_labels); the measure is accuracy unless another is given.

    Args:
        measure: one of classification.
    """

    def __init__(self, measure: Measure = ACCURACY) -> None:
        super().__init__(measure)

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return each run's mean over its sentences."""
        return F.cross_entropy(outputs.transpose(1, 2), labels, reduction="none").mean(dim=1)

    def evaluate(self, outputs: Tensor, labels: Tensor) -> tuple[float, float]:
        """Return the measure and the mean cross-entropy."""
        return self._score(outputs, labels), float(F.cross_entropy(outputs.double(), labels))


class Regression(_OfSentences):
    """Squared error of numbers (R, B, 1), as transformers has it with one label; targets as given.

    Args:
        measure: one of regression.
    """

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return each run's mean over its sentences."""
        return F.mse_loss(outputs[..., 0], labels.float(), reduction="none").mean(dim=1)

    def evaluate(self, outputs: Tensor, labels: Tensor) -> tuple[float, float]:
        """Return the measure and the mean squared error."""
        error = F.mse_loss(outputs[:, 0].double(), labels.double())
        return self._score(outputs, labels), float(error)


def objective_of(data: Prepared) -> Objective:
    """Return what a classifier, or a model with one output, learns from prepared data."""
    measure = measure_of(data.task, data.metric)
    return Regression(measure) if data.task == REGRESSION else Classification(measure)


def problem_type(task: Task) -> str:
    """Return what a saved model's config says it was trained for, in transformers' words."""
    return "regression" if task == REGRESSION else "single_label_classification"
