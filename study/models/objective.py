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
from study.records.runs import Evaluation

PROBLEM_TYPE = "single_label_classification"
"""What a saved classifier's config says it was trained for, in transformers' words."""


class Objective(Protocol):
    """Reads a model's outputs; examples never mix, so that a batch may hold any of them."""

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
        """Return accuracy and loss of one run on a whole split: outputs (n, k), labels (n,)."""
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


class Classification:
    """Cross-entropy of logits (R, B, num_labels).

    The epoch of the highest accuracy is kept; of several, that of the lowest loss: on few sentences
    many epochs get as many right, and being the first of them is no merit.
    """

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return each run's mean over its sentences."""
        return F.cross_entropy(outputs.transpose(1, 2), labels, reduction="none").mean(dim=1)

    def weight(self, labels: Tensor) -> Tensor:
        """Return the number of sentences."""
        runs, sentences = labels.shape
        return torch.full((runs,), float(sentences), device=labels.device)

    def evaluate(self, outputs: Tensor, labels: Tensor) -> tuple[float, float]:
        """Return the share of right sentences and the mean cross-entropy."""
        accuracy = float((outputs.argmax(-1) == labels).double().mean())
        return accuracy, float(F.cross_entropy(outputs.double(), labels))

    def better(self, point: Evaluation, other: Evaluation) -> bool:
        """Whether more sentences are right, or as many at a lower loss."""
        return (point.accuracy, -point.loss) > (other.accuracy, -other.loss)
